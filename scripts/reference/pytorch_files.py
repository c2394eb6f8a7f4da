#!/usr/bin/env python3
"""Writes Tests/Fixtures/pytorch_files.json.gz: archives of PyTorch and numpy, and what they hold;
and Tests/Fixtures/checkpoint.pt, one of them as a file.

Files are hexadecimal text as torch.save, torch.jit.save and numpy.savez wrote them. `tensors` are
their tensors under dotted names; `others` are plain values. `refused` are files of kinds that are
recognised, but not read.

Made with CPython 3.11, torch 2.15.0, numpy 2.4.6 on 2026-11-22, seed 20240501.
Command: python scripts/reference/pytorch_files.py
"""
import argparse
import collections
import gzip
import io
import json
import pathlib
import tarfile
import warnings

import numpy as np
import torch
import torch.utils.serialization

warnings.simplefilter("ignore")
root = pathlib.Path(__file__).resolve().parents[2]
print("torch", torch.__version__, "numpy", np.__version__)
torch.manual_seed(20240501)
special = [0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, -6.1e-5, float("inf"), float("-inf"), float("nan")]
kinds = {torch.float64: "float64", torch.float32: "float32", torch.float16: "float32",
         torch.bfloat16: "float32"}


def contents(name, tensor):
    tensor = tensor.detach()
    flat = tensor.to(torch.float64).reshape(-1).tolist()
    return {"name": name, "shape": list(tensor.shape),
            "dtype": kinds.get(tensor.dtype, "int64"),
            "values": [v if np.isfinite(v) else str(v) for v in flat]}


def walk(value, name, tensors, others):
    """The names that `PyTorchTensors` gives."""
    prefix = name + "." if name else ""
    if isinstance(value, torch.Tensor):
        tensors.append(contents(name or "tensor", value))
    elif isinstance(value, dict):
        for key, item in value.items():
            walk(item, prefix + str(key), tensors, others)
    elif isinstance(value, argparse.Namespace):
        walk(vars(value), name, tensors, others)
    elif isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value):
        for index, item in enumerate(value):
            walk(item, prefix + str(index), tensors, others)
    else:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, (bool, int, float, str, list, tuple, type(None))):
            others[name] = value


files = []


def add(name, data, value, torchscript=False):
    tensors, others = [], {}
    walk(value, "", tensors, others)
    files.append({"name": name, "file": data.hex(), "torchscript": torchscript,
                  "tensors": tensors, "others": others})


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def save(name, value, **options):
    add(name, saved(value, **options), value)


save("element types", {
    "float32": torch.randn(2, 3),
    "float64": torch.randn(4, dtype=torch.float64),
    "float16": torch.tensor(special, dtype=torch.float16),
    "bfloat16": torch.tensor(special, dtype=torch.bfloat16),
    "int64": torch.tensor([[2**53, -(2**53)], [0, 1]]),
    "int32": torch.tensor([2**31 - 1, -(2**31), 7], dtype=torch.int32),
    "int16": torch.tensor([32767, -32768], dtype=torch.int16),
    "int8": torch.tensor([127, -128, 0], dtype=torch.int8),
    "uint8": torch.tensor([255, 0, 1], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "uint16": torch.tensor([65535, 0], dtype=torch.uint16),
    "uint32": torch.tensor([2**32 - 1, 5], dtype=torch.uint32),
    "scalar": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
})
base = torch.randn(6, 5)
wide = torch.arange(5000, dtype=torch.int64).to(torch.uint8)
save("views of one storage", {
    "base": base, "transposed": base.t(), "rows": base[2:4], "strided": base[1::2, ::3],
    "middle": base[:, 1:3], "element": base[3, 2], "permuted": base.reshape(2, 3, 5).permute(2, 0, 1),
    "expanded": base[0].expand(3, 5), "far apart": wide[::1200], "far rows": wide.reshape(5, 1000)[1::3, :3],
    "empty part": base[6:],
})
# The imaginary part of a conjugate is a view of the storage whose sign is a mark beside it.
complex_numbers = torch.complex(torch.arange(6.0).reshape(2, 3), torch.tensor([[1.0, -2.0, 3.5], [0.0, 4.0, -5.0]]))
marked = torch.imag(complex_numbers.conj())
assert marked.is_neg()
save("signs beside the storage", {
    "marked": marked, "transposed": marked.t(), "parameter": torch.nn.Parameter(marked), "again": marked,
    "plain": marked.clone(), "integers": torch._neg_view(torch.tensor([1, -2, 3]))})
module = torch.nn.Sequential(
    collections.OrderedDict(conv=torch.nn.Conv2d(1, 2, 2), norm=torch.nn.BatchNorm2d(2)))
save("state dictionary", module.state_dict())
optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
module(torch.randn(2, 1, 4, 4)).sum().backward()
optimizer.step()
save("training checkpoint", {
    "model": {"module." + k: v for k, v in module.state_dict().items()},
    "optimizer": optimizer.state_dict(), "epoch": 3, "best": np.float64(61.25),
    "seen": np.int64(-7), "name": "run ü", "done": False, "nothing": None, "big": 2**40, "negative": -5,
    "args": argparse.Namespace(lr=0.1, prompt="a photo", layers=[1, 2]),
    "counts": collections.Counter(a=2), "default": collections.defaultdict(list, x=1),
    "set": {1}, "type": torch.float16, "device": torch.device("cpu"),
    "array": np.array([1, 2], np.int32),
})
save("a parameter", torch.nn.Parameter(torch.randn(3)))
save("a list", [torch.ones(2), (torch.zeros(1), 5), "text"])
save("protocol 4", {"weight": torch.randn(2, 2), "text": "x" * 300, "bytes": 12345}, pickle_protocol=4)
torch.utils.serialization.config.save.compute_crc32 = False
save("no checksums", {"weight": torch.randn(2, 2)})
torch.utils.serialization.config.save.compute_crc32 = True


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = torch.nn.MultiheadAttention(4, 2)
        self.ln_1 = torch.nn.LayerNorm(4)

    def forward(self, x):
        x = self.ln_1(x)
        return x + self.attn(x, x, x, need_weights=False)[0]


class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.resblocks = torch.nn.Sequential(Block())

    def forward(self, x):
        return self.resblocks(x)


class Visual(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = Tower()
        self.proj = torch.nn.Parameter(torch.randn(4, 3))
        self.sizes, self.scale, self.names = [1, 2], 2.5, {"a": "b"}

    def forward(self, x):
        return self.transformer(x) @ self.proj * self.scale * self.sizes[0] * len(self.names)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Visual()
        self.logit_scale = torch.nn.Parameter(torch.tensor(4.6))
        self.register_buffer("mask", torch.zeros(2, 2))

    def forward(self, x):
        return self.visual(x) * self.logit_scale + self.mask.sum()


model = Model().half().eval()
for name, make in [("TorchScript, scripted", lambda: torch.jit.script(model)),
                   ("TorchScript, traced", lambda: torch.jit.trace(
                       model, torch.ones(2, 1, 4).half(), check_trace=False))]:
    stream = io.BytesIO()
    torch.jit.save(make(), stream)
    add(name, stream.getvalue(), dict(model.state_dict()), torchscript=True)

refused = {"before version 1.6": saved({"a": torch.ones(2)}, _use_new_zipfile_serialization=False)}
stream = io.BytesIO()
with tarfile.open(fileobj=stream, mode="w") as archive:
    for name in ["sys_info", "pickle", "tensors", "storages"]:
        archive.addfile(tarfile.TarInfo(name))
refused["of 2016"] = stream.getvalue()[:1024]
refused["a whole module"] = saved(torch.nn.Linear(1, 1))
refused["a complex tensor"] = saved(torch.ones(2, dtype=torch.complex64))
refused["an unread type"] = saved(torch.ones(2).to(torch.float8_e5m2))
refused["a sparse tensor"] = saved(torch.eye(2).to_sparse())

arrays = {"a": torch.randn(3, 4).numpy(), "half": np.array(special, np.float16),
          "big": np.arange(6, dtype=">i4").reshape(2, 3), "fortran": np.asfortranarray(np.eye(3)[:2])}
npz = []
for name, write in [("stored", np.savez), ("deflated", np.savez_compressed)]:
    stream = io.BytesIO()
    write(stream, **arrays)
    npz.append({"name": name, "file": stream.getvalue().hex(), "tensors": [
        contents(key, torch.tensor(value.astype(value.dtype.newbyteorder("="))))
        for key, value in arrays.items()]})
stream = io.BytesIO()
np.savez(stream, a=np.array([{}], dtype=object))
refused_npz = stream.getvalue().hex()

target = root / "Tests/Fixtures/pytorch_files.json.gz"
text = json.dumps({
    "files": files, "refused": {k: v.hex() for k, v in refused.items()},
    "npz": npz, "npz of objects": refused_npz}, ensure_ascii=False)
target.write_bytes(gzip.compress(text.encode(), mtime=0))
checkpoint = next(f for f in files if f["name"] == "training checkpoint")
(root / "Tests/Fixtures/checkpoint.pt").write_bytes(bytes.fromhex(checkpoint["file"]))
print(target.stat().st_size, "bytes")
