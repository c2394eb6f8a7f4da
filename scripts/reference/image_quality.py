#!/usr/bin/env python3
"""Fixture for SSIM and PSNR: pairs of images made by a formula, and what two libraries say of them.

Run with: CPython 3.11, numpy 2.4, scikit-image 0.26.0, pytorch-msssim 1.0.0, torch 2.15.0.
Command: python scripts/reference/image_quality.py           writes Tests/Fixtures/image_quality.json
         python scripts/reference/image_quality.py --check   computes again and compares

Pixels are on 8-bit levels, so that the test makes the same images:
    x = (37 i + 101 j + 59 c + 7 i j) mod 256,   y = x + s ((13 i + 29 j + 17 c) mod 21 - 10), kept in 0 ... 255,
both over 255. Both libraries must agree to 1e-6 (float64) before anything is written; the file holds
scikit-image's numbers: structural_similarity(gaussian_weights=True, sigma=1.5,
use_sample_covariance=False, data_range=1, channel_axis=0), peak_signal_noise_ratio(data_range=1).
"""
import json
import os
import sys

import numpy as np
import torch
from pytorch_msssim import ssim as msssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

FIXTURE = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures", "image_quality.json")
CASES = [(3, 11, 11, 1), (3, 16, 16, 1), (1, 28, 28, 3), (3, 12, 40, 2), (3, 33, 11, 5), (3, 64, 48, 1)]


def pair(channels, height, width, strength):
    c, i, j = np.meshgrid(np.arange(channels), np.arange(height), np.arange(width), indexing="ij")
    x = (37 * i + 101 * j + 59 * c + 7 * i * j) % 256
    y = np.clip(x + strength * ((13 * i + 29 * j + 17 * c) % 21 - 10), 0, 255)
    return x / 255, y / 255


def rows():
    for case in CASES:
        x, y = pair(*case)
        ssim = structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=0)
        a, b = torch.from_numpy(x)[None], torch.from_numpy(y)[None]
        other = msssim(a, b, data_range=1, size_average=False).item()
        assert abs(other - ssim) < 1e-6, (case, ssim, other)
        yield {"shape": case[:3], "strength": case[3], "ssim": float(ssim),
               "psnr": float(peak_signal_noise_ratio(x, y, data_range=1))}


found = list(rows())
if "--check" in sys.argv:
    with open(FIXTURE) as file:
        known = json.load(file)
    for a, b in zip(known, found, strict=True):
        assert abs(a["ssim"] - b["ssim"]) < 1e-9 and abs(a["psnr"] - b["psnr"]) < 1e-9, (a, b)
    print("the fixture holds")
else:
    with open(FIXTURE, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
