#!/usr/bin/env python3
"""Fixtures for file formats: the weights of other fixtures as transformers and PyTorch write them.

Run with: CPython 3.11, torch 2.13.0 (CPU), transformers 5.24.0, safetensors 0.8.0.
Command: python scripts/reference/checkpoint_formats.py    writes below Tests/Fixtures/checkpoints/

`hf-*` hold the model of Tests/Fixtures/clip-quick_gelu: in shards of safetensors and in bfloat16 by
`save_pretrained`, and as `pytorch_model.bin`, whole and in shards, by `torch.save`; all but the
bfloat16 in float16. `wrapped/openai-resnet-jit.pt` holds the weights of open_clip-resnet as OpenAI's
RN*.pt do: a TorchScript archive of nested modules in float16 with three sizes as tensors. Its modules have
the parameters' names and no code: none is ever run.
"""
import json
import os

import torch
from safetensors.torch import load_file
from transformers import CLIPModel

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures")
FOLDER = os.path.join(FIXTURES, "checkpoints")


def folder(name):
    path = os.path.join(FOLDER, name)
    os.makedirs(path, exist_ok=True)
    return path


def write_hugging_face():
    source = os.path.join(FIXTURES, "clip-quick_gelu")
    model = CLIPModel.from_pretrained(source, dtype=torch.float32)
    model.half().save_pretrained(folder("hf-shards"), max_shard_size="15KB")
    model.float().bfloat16().save_pretrained(folder("hf-bfloat16"))
    with open(os.path.join(source, "config.json")) as file:
        config = file.read()
    state = {k: v.half() for k, v in load_file(os.path.join(source, "model.safetensors")).items()}
    names = sorted(state)
    torch.save(state, os.path.join(folder("hf-bin"), "pytorch_model.bin"))
    shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, part in shards.items():
        torch.save({k: state[k] for k in part}, os.path.join(folder("hf-bin-shards"), file))
    with open(os.path.join(folder("hf-bin-shards"), "pytorch_model.bin.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": sum(v.numel() * 2 for v in state.values())},
                   "weight_map": {k: name for name, part in shards.items() for k in part}}, file, indent=1)
    for name in ("hf-bin", "hf-bin-shards"):
        with open(os.path.join(folder(name), "config.json"), "w") as file:
            file.write(config)


class Module(torch.nn.Module):
    def forward(self, x):
        return x


def write_openai_resnet():
    state = torch.load(os.path.join(FOLDER, "open_clip-resnet", "state-dict.pt"))
    state.update(input_resolution=torch.tensor(64), context_length=torch.tensor(12), vocab_size=torch.tensor(64))
    root = Module()
    for name, value in state.items():
        module, (*path, last) = root, name.split(".")
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, Module())
            module = getattr(module, part)
        is_weight = value.dtype.is_floating_point and "running" not in last
        if is_weight:
            module.register_parameter(last, torch.nn.Parameter(value.half(), requires_grad=False))
        else:
            module.register_buffer(last, value.half() if value.dtype.is_floating_point else value)
    torch.jit.save(torch.jit.script(root), os.path.join(folder("wrapped"), "openai-resnet-jit.pt"))


write_hugging_face()
write_openai_resnet()
