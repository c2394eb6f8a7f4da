#!/usr/bin/env python3
"""Fixtures for checkpoint layouts and architectures: tiny random models with their outputs.

Run with: CPython 3.11, torch 2.15.0 (CPU), open_clip_torch 3.3.0, timm 1.0.31, transformers 5.23.0,
safetensors 0.8.0, numpy 2.4.6; seed 30.
Command: python scripts/reference/checkpoints.py           writes Tests/Fixtures/checkpoints/
         python scripts/reference/checkpoints.py --check   computes again and compares

Weights are rounded to float16, so that every format of a file holds the same numbers. Outputs are
computed in float64: features of every block, embeddings, logits, and the gradients of the summed class
cross-entropy with respect to pixels and to every weight (these stored as float32). Images keep their own
size, so the in-graph bicubic resize is part of the graph. Published checkpoint structures (TeCoA, FARE,
MMCoA, open_clip training) are made from the open_clip model: the same weights under their wrappers.
"""
import json
import os
import sys

import timm
import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.transformer import TextTransformer
from safetensors.torch import load_file, save_file
from transformers import SiglipConfig, SiglipModel

OPENAI = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
HALF = ([0.5] * 3, [0.5] * 3)
FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures", "checkpoints")


def shaken(model):
    """Biases and norms away from 0 and 1, all weights representable in float16."""
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            if p.dtype.is_floating_point and "logit" not in name and "mask" not in name:
                p.add_(torch.randn_like(p) * 0.05)
                if name.endswith("running_var"):
                    p.abs_().add_(0.5)
                p.copy_(p.half())
            elif p.dtype.is_floating_point and "logit" in name:
                p.copy_(p.half())
    return model.eval()


def outputs(model, blocks, encode_image, encode_text, ids, size, images, normalisation):
    """`model` is in float64; `blocks` maps our names to modules."""
    seen = {}
    hooks = [m.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out))
             for name, m in blocks.items()]
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in normalisation)
    x = images.clone().requires_grad_(True)
    sized = F.interpolate(x, size=(size, size), mode="bicubic", align_corners=False, antialias=False)
    raw_image = encode_image((sized - mean) / std)
    raw_text = encode_text(ids)
    image, text = F.normalize(raw_image, dim=-1), F.normalize(raw_text, dim=-1)
    logits = model.logit_scale.exp() * image @ text.T
    if getattr(model, "logit_bias", None) is not None:
        logits = logits + model.logit_bias
    labels = torch.arange(len(images)) % len(ids)
    loss = F.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    for hook in hooks:
        hook.remove()
    out = {"images": images, "ids": ids, "labels": labels, "image_features": image, "text_features": text,
           "raw_image_features": raw_image, "raw_text_features": raw_text, "logits": logits,
           "pixel_gradient": x.grad}
    for name, value in seen.items():
        out[name] = value[0] if isinstance(value, tuple) else value
    for name, p in model.named_parameters():
        if p.grad is not None:
            out["gradient." + name] = p.grad.float()
    return {k: v.detach().contiguous().clone() for k, v in out.items()}


def token_rows(end, context, width_ids=60):
    ids = torch.randint(1, width_ids, (3, context))
    for row, place in enumerate((4, context - 1, 7)):
        ids[row, 0] = end - 1
        ids[row, place] = end
        ids[row, place + 1:] = 0
    return ids


def half(state):
    return {k: v.half().contiguous().clone() if v.dtype.is_floating_point else v.contiguous().clone()
            for k, v in state.items()}


def write(name, out, files):
    """`files` maps file names to functions that write them."""
    folder = os.path.join(FOLDER, name)
    kept = os.path.join(folder, "reference.safetensors")
    if "--check" in sys.argv:
        old = load_file(kept)
        worst = max((old[k].double() - v.double()).abs().max().item() for k, v in out.items())
        print(name, "largest difference", worst)
        assert worst < 1e-6 and set(old) == set(out)
        return
    os.makedirs(folder, exist_ok=True)
    for file, maker in files.items():
        maker(os.path.join(folder, file))
    save_file(out, kept, metadata={"script": "scripts/reference/checkpoints.py", "torch": torch.__version__})
    print(name, {f: os.path.getsize(os.path.join(folder, f)) for f in sorted(os.listdir(folder))})


def as_json(value):
    def put(path):
        with open(path, "w") as file:
            json.dump(value, file, indent=1)
    return put


def vit_blocks(visual, text):
    blocks = {f"visual.block.{i}": b for i, b in enumerate(visual.transformer.resblocks)}
    blocks.update({f"text.block.{i}": b for i, b in enumerate(text.transformer.resblocks)})
    return blocks


TEXT = dict(context_length=12, vocab_size=64, width=16, heads=2, layers=2)


def open_clip_vit():
    torch.manual_seed(30)
    config = dict(embed_dim=20, quick_gelu=True,
                  vision_cfg=dict(image_size=16, layers=2, width=24, head_width=8, patch_size=4, mlp_ratio=2.0),
                  text_cfg=TEXT)
    model = shaken(CLIP(**config))
    state = model.state_dict()
    wide = CLIP(**config).double().eval()
    wide.load_state_dict({k: v.double() for k, v in state.items()})
    ids, images = token_rows(63, 12), torch.rand(4, 3, 13, 11, dtype=torch.float64)
    out = outputs(wide, vit_blocks(wide.visual, wide), wide.encode_image, wide.encode_text, ids, 16, images, OPENAI)
    flat, visual = half(state), half(model.visual.state_dict())
    module = {"module." + k: v for k, v in flat.items()}
    pixels = torch.rand(1, 3, 16, 16)  # as OpenAI's archives: TorchScript, half, sizes as tensors
    for key, value in (("input_resolution", 16), ("context_length", 12), ("vocab_size", 64)):
        model.__dict__.pop(key, None)
        model.register_buffer(key, torch.tensor(value))
    scripted = torch.jit.trace_module(
        model, {"forward": (pixels, ids[:1]), "encode_image": (pixels,), "encode_text": (ids[:1],)})
    write("open_clip-vit", out, {
        "open_clip_model.safetensors": lambda p: save_file(flat, p),
        "open_clip_config.json": as_json({"model_cfg": config, "preprocess_cfg": {"mean": OPENAI[0], "std": OPENAI[1]}}),
    })
    write("wrapped", {"ids": ids}, {
        "openai-jit.pt": lambda p: torch.jit.save(scripted.half(), p),
        "state-dict.pt": lambda p: torch.save(flat, p),
        "open_clip-training.pt": lambda p: torch.save(
            {"epoch": 3, "name": "run", "state_dict": module, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3}]}}, p),
        "mmcoa.pth.tar": lambda p: torch.save({"model": module, "epoch": 7}, p),
        "tecoa.pth.tar": lambda p: torch.save(
            {"epoch": 2, "best_acc1": torch.tensor(41.5), "state_dict": {"pad_up": torch.zeros(1, 3, 2, 4)},
             "vision_encoder_state_dict": visual, "optimizer": {"state": {}, "param_groups": []}}, p),
        "fare.pt": lambda p: torch.save(visual, p),
        "bfloat16.safetensors": lambda p: save_file({k: v.bfloat16() for k, v in state.items()}, p),
        "float32.safetensors": lambda p: save_file({k: v.contiguous().clone() for k, v in state.items()}, p),
    })


def open_clip_nested():
    torch.manual_seed(31)
    config = dict(embed_dim=20, vision_cfg=dict(
        image_size=16, layers=2, width=24, head_width=8, patch_size=4, no_ln_pre=True, pool_type="avg",
        final_ln_after_pool=True, norm_kwargs={"eps": 1e-6}), text_cfg=dict(TEXT, act_kwargs={"approximate": "tanh"}))
    model = shaken(CustomTextCLIP(**config))
    wide = CustomTextCLIP(**config).double().eval()
    wide.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    ids, images = token_rows(63, 12), torch.rand(4, 3, 16, 16, dtype=torch.float64)
    out = outputs(wide, vit_blocks(wide.visual, wide.text), wide.encode_image, wide.encode_text, ids, 16, images, OPENAI)
    write("open_clip-nested", out, {
        "open_clip_pytorch_model.bin": lambda p: torch.save(half(model.state_dict()), p),
        "open_clip_config.json": as_json({"model_cfg": dict(config, custom_text=True)}),
    })


def open_clip_resnet():
    torch.manual_seed(32)
    config = dict(embed_dim=12, vision_cfg=dict(image_size=64, layers=[1, 2, 1, 1], width=2, head_width=16, patch_size=None),
                  text_cfg=TEXT)
    model = shaken(CLIP(**config))
    wide = CLIP(**config).double().eval()
    wide.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    ids, images = token_rows(63, 12), torch.rand(3, 3, 40, 50, dtype=torch.float64)
    blocks = {f"visual.block.{i}": getattr(wide.visual, f"layer{i + 1}") for i in range(4)}
    blocks.update({f"text.block.{i}": b for i, b in enumerate(wide.transformer.resblocks)})
    out = outputs(wide, blocks, wide.encode_image, wide.encode_text, ids, 64, images, OPENAI)
    write("open_clip-resnet", out, {
        "open_clip_model.safetensors": lambda p: save_file(half(model.state_dict()), p),
        "open_clip_config.json": as_json({"model_cfg": config}),
        "state-dict.pt": lambda p: torch.save(half(model.state_dict()), p),
    })


def siglip_hf():
    torch.manual_seed(33)
    config = SiglipConfig(
        text_config=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
                         max_position_embeddings=9, vocab_size=64, projection_size=24),
        vision_config=dict(hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=3,
                           image_size=16, patch_size=4))
    model = shaken(SiglipModel(config))
    wide = SiglipModel(config).double().eval()
    wide.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    ids, images = torch.randint(0, 64, (3, 9)), torch.rand(3, 3, 13, 11, dtype=torch.float64)
    blocks = {f"visual.block.{i}": b for i, b in enumerate(wide.vision_model.encoder.layers)}
    blocks.update({f"text.block.{i}": b for i, b in enumerate(wide.text_model.encoder.layers)})
    out = outputs(wide, blocks, lambda x: wide.vision_model(pixel_values=x).pooler_output,
                  lambda t: wide.text_model(input_ids=t).pooler_output, ids, 16, images, HALF)
    state = half(model.state_dict())
    keys = sorted(state)
    shards = {"model-00001-of-00002.safetensors": keys[::2], "model-00002-of-00002.safetensors": keys[1::2]}
    files = {name: (lambda p, part=part: save_file({k: state[k] for k in part}, p, metadata={"format": "pt"}))
             for name, part in shards.items()}
    files["model.safetensors.index.json"] = as_json(
        {"metadata": {"total_size": sum(v.numel() * 2 for v in state.values())},
         "weight_map": {k: name for name, part in shards.items() for k in part}})
    kept = {"model_type": "siglip", "text_config": {}, "vision_config": {}}
    for part in ("text_config", "vision_config"):
        full = config.to_dict()[part]
        kept[part] = {k: full[k] for k in (
            "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "max_position_embeddings", "vocab_size", "projection_size", "image_size", "patch_size") if k in full}
    files["config.json"] = as_json(kept)
    write("siglip-hf", out, files)


class TimmSiglip(torch.nn.Module):
    """open_clip's SigLIP at a size that no named timm model has: the same classes, the same names."""

    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.trunk = timm.models.vision_transformer.VisionTransformer(
            img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2.0, class_token=False,
            global_pool="map", num_classes=0)
        self.text = TextTransformer(context_length=9, vocab_size=64, width=24, heads=3, layers=2, mlp_ratio=2.0,
                                    output_dim=24, no_causal_mask=True, proj_bias=True, pool_type="last",
                                    norm_layer=lambda w: torch.nn.LayerNorm(w, eps=1e-6))
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.25))
        self.logit_bias = torch.nn.Parameter(torch.tensor(-9.5))


def siglip_timm():
    torch.manual_seed(34)
    model = shaken(TimmSiglip())
    wide = TimmSiglip().double().eval()
    wide.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    ids, images = torch.randint(0, 64, (3, 9)), torch.rand(3, 3, 16, 16, dtype=torch.float64)
    blocks = {f"visual.block.{i}": b for i, b in enumerate(wide.visual.trunk.blocks)}
    blocks.update({f"text.block.{i}": b for i, b in enumerate(wide.text.transformer.resblocks)})
    out = outputs(wide, blocks, wide.visual.trunk, wide.text, ids, 16, images, HALF)
    write("siglip-timm", out, {"open_clip_model.safetensors": lambda p: save_file(half(model.state_dict()), p)})


open_clip_vit()
open_clip_nested()
open_clip_resnet()
siglip_hf()
siglip_timm()
