#!/usr/bin/env python3
"""Fixtures for defences at test time: what a counter-attack adds to images, and Clopper-Pearson bounds.

Run with: CPython 3.11, torch 2.15.0 (CPU), transformers 5.24.0, safetensors 0.8.0, scipy 1.17.1; seed 11.
Command: python scripts/reference/defences.py   writes Tests/Fixtures/defences.json

The model is that of objectives.py, which is run first. The counter-attack is written from arXiv 2503.03613 and
its released code, with the noise given; the bounds are scipy's.
"""
import json
import os

import torch
from safetensors.torch import load_file
from scipy import stats
from transformers import CLIPConfig, CLIPModel

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures")
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073], dtype=torch.float64).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711], dtype=torch.float64).view(1, 3, 1, 1)


def counter(encode, x, noise, eps, alpha, steps, tau, beta):
    def cut(delta):
        return (x + delta.clamp(-eps, eps)).clamp(0, 1) - x
    with torch.no_grad():
        clean = encode(x)
    delta = cut(noise)
    with torch.no_grad():
        ratio = (encode(x + delta) - clean).norm(dim=1) / clean.norm(dim=1)
    path = [delta]
    for _ in range(steps):
        d = path[-1].clone().requires_grad_(True)
        ((encode(x + d) - clean) ** 2).sum().backward()
        path.append(cut(path[-1] + alpha * d.grad.sign()))
    weights = torch.tensor([beta * i for i in range(steps + 1)], dtype=torch.float64).softmax(0)
    mixed = sum(w * d for w, d in zip(weights, path))
    return torch.where((ratio >= tau).view(-1, 1, 1, 1), path[0], mixed), ratio


def main():
    folder = os.path.join(FIXTURES, "objectives")
    model = CLIPModel(CLIPConfig.from_dict(json.load(open(folder + "/original/config.json")))).eval()
    model.load_state_dict(load_file(folder + "/original/model.safetensors"), strict=False)
    model = model.double()
    x = load_file(folder + "/cases.safetensors")["images"].double()
    torch.manual_seed(11)
    eps = 8 / 255
    noise = (torch.rand_like(x) * 2 - 1) * eps

    def encode(images):
        return model.visual_projection(model.vision_model(pixel_values=(images - MEAN) / STD).pooler_output)
    _, ratio = counter(encode, x, noise, eps, 2 / 255, 2, 0, 2)
    tau = float(ratio.sort().values[2:4].mean())  # three images on either side
    delta, _ = counter(encode, x, noise, eps, 2 / 255, 2, tau, 2)
    bounds = [[k, n, a, float(stats.beta.ppf(a, k, n - k + 1))]
              for k, n, a in [(1, 10, 0.05), (6, 10, 0.05), (99, 100, 0.001), (100, 100, 0.001), (700, 1000, 0.001),
                              (998, 1000, 0.001), (5200, 10000, 0.001)]]
    normal = [[p, float(stats.norm.ppf(p))] for p in (0.001, 0.3, 0.5, 0.75, 0.99, 0.999999)]
    with open(FIXTURES + "/defences.json", "w") as file:
        json.dump({"noise": noise.flatten().tolist(), "threshold": tau, "delta": delta.flatten().tolist(),
                   "bounds": bounds, "normal": normal}, file)


main()
