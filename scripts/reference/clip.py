#!/usr/bin/env python3
"""Fixtures for the CLIP encoders: tiny random models in Hugging Face's layout with their outputs.

Run with: CPython 3.11, torch 2.15.0 (CPU), transformers 5.23.0, safetensors 0.8.0, numpy 2.4.6; seed 20.
Command: python scripts/reference/clip.py           writes Tests/Fixtures/clip-{quick_gelu,gelu}/
         python scripts/reference/clip.py --check   computes again and compares

Reference outputs are computed in float64 from the float32 weights: features of every block, embeddings,
logits, and the gradients of the summed class cross-entropy with respect to pixels and to every weight.
Images keep their own size (13 x 11), so the in-graph bicubic resize is part of the graph.
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073], dtype=torch.float64).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711], dtype=torch.float64).view(1, 3, 1, 1)
FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures")


def make(activation):
    torch.manual_seed(20)
    end = 63
    config = CLIPConfig(
        projection_dim=20,
        text_config=dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                         max_position_embeddings=12, vocab_size=64, hidden_act=activation, eos_token_id=end,
                         bos_token_id=62, pad_token_id=0, projection_dim=20),
        vision_config=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
                           image_size=16, patch_size=4, hidden_act=activation, projection_dim=20))
    model = CLIPModel(config).eval()
    with torch.no_grad():  # biases and norms away from 0 and 1, so that a missing one shows
        for name, p in model.named_parameters():
            if name != "logit_scale":
                p.add_(torch.randn_like(p) * 0.05)
    images = torch.rand(4, 3, 13, 11, dtype=torch.float64)
    ids = torch.randint(1, 60, (3, 12))
    for row, place in enumerate((4, 11, 7)):
        ids[row, 0] = 62
        ids[row, place] = end
        ids[row, place + 1:] = 0
    labels = torch.tensor([2, 0, 1, 1])
    wide = CLIPModel(config).eval().double()
    wide.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
    x = images.clone().requires_grad_(True)
    sized = F.interpolate(x, size=(16, 16), mode="bicubic", align_corners=False, antialias=False)
    vision = wide.vision_model(pixel_values=(sized - MEAN) / STD, output_hidden_states=True)
    text = wide.text_model(input_ids=ids, output_hidden_states=True)
    raw_image = wide.visual_projection(vision.pooler_output)
    raw_text = wide.text_projection(text.pooler_output)
    image, words = F.normalize(raw_image, dim=-1), F.normalize(raw_text, dim=-1)
    logits = wide.logit_scale.exp() * image @ words.T
    loss = F.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    out = {"images": images, "ids": ids, "labels": labels, "resized": sized.detach(),
           "image_features": image.detach(), "text_features": words.detach(),
           "raw_image_features": raw_image.detach(), "raw_text_features": raw_text.detach(),
           "logits": logits.detach(), "pixel_gradient": x.grad, "loss": loss.detach()}
    for index, state in enumerate(vision.hidden_states[1:]):
        out[f"visual.block.{index}"] = state.detach()
    for index, state in enumerate(text.hidden_states[1:]):
        out[f"text.block.{index}"] = state.detach()
    for name, p in wide.named_parameters():
        out["gradient." + name] = p.grad
    return config, model, {k: v.contiguous() for k, v in out.items()}


for activation in ("quick_gelu", "gelu"):
    config, model, out = make(activation)
    folder = os.path.join(FOLDER, "clip-" + activation)
    if "--check" in sys.argv:
        kept = load_file(os.path.join(folder, "reference.safetensors"))
        worst = max((kept[k].double() - v.double()).abs().max().item() for k, v in out.items())
        print(activation, "largest difference", worst)
        assert worst < 1e-9
        continue
    os.makedirs(folder, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()
               if not k.endswith("position_ids")}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    keep = {k: config.to_dict()[k] for k in ("text_config", "vision_config", "projection_dim", "model_type")}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(keep, file, indent=1, default=str)
    save_file(out, os.path.join(folder, "reference.safetensors"),
              metadata={"script": "scripts/reference/clip.py", "torch": torch.__version__, "seed": "20"})
    print(folder, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)))
