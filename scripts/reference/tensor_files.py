#!/usr/bin/env python3
"""Writes Tests/Fixtures/tensor_files.json: tensor files as others write them, and their contents.

Contents: a safetensors file of every element type that Kilpi reads, written by the safetensors
package, and npy files of versions 1 to 3, both byte orders and both element orders, written by
numpy. Files are hexadecimal text; values are numbers, or "nan", "inf", "-inf".

Made with CPython 3.11, numpy 2.4.6, torch 2.15.0, safetensors 0.8.0 on 2026-11-22, seed 20240501.
Command: python scripts/reference/tensor_files.py
"""
import io
import json
import pathlib
import warnings

import numpy as np
import safetensors
import torch
from safetensors.torch import save

root = pathlib.Path(__file__).resolve().parents[2]
print("numpy", np.__version__, "torch", torch.__version__, "safetensors", safetensors.__version__)
rng = np.random.default_rng(20240501)


def numbers(array):
    flat = np.asarray(array).astype(np.float64).ravel().tolist()
    return [v if np.isfinite(v) else str(v) for v in flat]


special = [0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, -6.1e-5, float("inf"), float("-inf"), float("nan")]
tensors = {
    "a.float32": torch.tensor(rng.standard_normal((2, 3)), dtype=torch.float32),
    "b.float64": torch.tensor(rng.standard_normal((4,)), dtype=torch.float64),
    "c.float16": torch.tensor(special, dtype=torch.float16),
    "d.bfloat16": torch.tensor(special, dtype=torch.bfloat16),
    "e.int64": torch.tensor([[2**53, -(2**53)], [0, 1]], dtype=torch.int64),
    "f.int32": torch.tensor([2**31 - 1, -(2**31), 7], dtype=torch.int32),
    "g.int16": torch.tensor([32767, -32768], dtype=torch.int16),
    "h.int8": torch.tensor([127, -128, 0], dtype=torch.int8),
    "i.uint8": torch.tensor([255, 0, 1], dtype=torch.uint8),
    "j.bool": torch.tensor([True, False, True]),
    "k.scalar": torch.tensor(1.5),
    "l.empty": torch.zeros((0, 3)),
    "m.odd.float16": torch.tensor([0.5, -0.25, 3.0], dtype=torch.float16),
}
metadata = {"format": "pt", "note": "text with \"quotes\" and ü"}
kinds = {torch.float64: "float64", torch.float32: "float32", torch.float16: "float32",
         torch.bfloat16: "float32"}
result = {
    "safetensors": {
        "file": save(tensors, metadata).hex(),
        "metadata": metadata,
        "tensors": [
            {"name": name, "shape": list(t.shape), "dtype": kinds.get(t.dtype, "int64"),
             "values": numbers(t.double().numpy())}
            for name, t in tensors.items()
        ],
    },
    "npy": [],
}


def npy(name, array, version=None):
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(stream, array, version=version)
    dtype = {"f8": "float64", "f4": "float32", "f2": "float32"}.get(array.dtype.str[1:], "int64")
    result["npy"].append({"name": name, "file": stream.getvalue().hex(), "shape": list(array.shape),
                          "dtype": dtype, "values": numbers(array)})


values = rng.standard_normal((2, 3, 4))
for code in ["<f8", ">f8", "<f4", ">f4", "<f2", ">f2"]:
    npy(code, values[0].astype(code))
for code in ["<i8", ">i8", "<i4", ">i4", "<i2", ">i2", "|i1", "<u4", ">u2", "|u1", "<u8"]:
    low = 0 if code[1] == "u" else -100
    npy(code, rng.integers(low, 100, (2, 3)).astype(code))
npy("bool", np.array([True, False, True]))
npy("fortran order", np.asfortranarray(values))
npy("fortran order, big endian", np.asfortranarray(values.astype(">f4")))
npy("version 2", values[0], (2, 0))
npy("version 3", values[0], (3, 0))
npy("scalar", np.array(2.5))
npy("empty", np.zeros((0, 3), np.float32))
npy("not finite", np.array(special, np.float32))

target = root / "Tests/Fixtures/tensor_files.json"
target.write_text(json.dumps(result, indent=0, ensure_ascii=False) + "\n")
print(target.stat().st_size, "bytes")
