#!/usr/bin/env python3
"""Fixture for image attacks: a small random network, images, and what torchattacks makes of them.

Run with: CPython 3.11, torch 2.15.0 (CPU), torchattacks 3.5.1; seed 40.
Command: python scripts/reference/iterative_attacks.py           writes Tests/Fixtures/iterative_attacks.json
         python scripts/reference/iterative_attacks.py --check   computes again and compares

Everything is computed in float64, without random starts. Images lie on 8-bit levels well inside [0, 1], and
the look-ahead attacks have a budget that their look-ahead points do not leave: torchattacks does not project
those. TI-FGSM runs without its random resizing. Signs are those of the change, one digit a pixel: 0 for -1,
1 for 0, 2 for +1.
"""
import json
import os
import sys

import torch
import torchattacks

FIXTURE = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures", "iterative_attacks.json")
SHAPE, HIDDEN, CLASSES, COUNT = (3, 8, 8), 16, 5, 12


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(192, HIDDEN, bias=False)
        self.second = torch.nn.Linear(HIDDEN, CLASSES, bias=False)

    def forward(self, x):
        return self.second(torch.nn.functional.gelu(4 * self.first(x.flatten(1) - 0.5)))


def linf(network, eps, alpha, steps):
    smoothed = torchattacks.TIFGSM(
        network, eps=eps, alpha=alpha, steps=steps, decay=1.0, diversity_prob=0.0)
    smoothed.stacked_kernel = smoothed.stacked_kernel.double()
    return {
        "fgsm": torchattacks.FGSM(network, eps=eps),
        "bim": torchattacks.BIM(network, eps=eps, alpha=alpha, steps=steps),
        "pgd": torchattacks.PGD(network, eps=eps, alpha=alpha, steps=steps, random_start=False),
        "mifgsm": torchattacks.MIFGSM(network, eps=eps, alpha=alpha, steps=steps, decay=1.0),
        "tifgsm": smoothed,
    }


def made():
    torch.manual_seed(40)
    network = Network().double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn_like(p).mul(1 / p.shape[1] ** 0.5).mul(1024).round().div(1024))
    images = torch.randint(60, 196, (COUNT, *SHAPE)).double() / 255
    labels = network(images).argmax(1)
    results = {}
    def add(name, attack, **parameters):
        moved = attack(images, labels)
        change = (moved - images).flatten()
        signs = change.sign().where(change.abs() > 1e-9, 0.0 * change).long() + 1
        results[name] = {
            "signs": "".join(str(int(s)) for s in signs),
            "success": (network(moved).argmax(1) != labels).tolist(), **parameters}
    small = {"eps": 8 / 255, "step": 2 / 255, "steps": 10}
    for name, attack in linf(network, small["eps"], small["step"], small["steps"]).items():
        add(name, attack, **small)
    wide = {"eps": 0.2, "step": 1 / 255, "steps": 4}
    add("nifgsm", torchattacks.NIFGSM(network, eps=0.2, alpha=1 / 255, steps=4, decay=1.0), **wide)
    add("sifgsm", torchattacks.SINIFGSM(
        network, eps=0.2, alpha=1 / 255, steps=4, decay=1.0, m=5), **wide)
    near = torchattacks.CW(network, c=1, kappa=0, steps=1000, lr=0.002)(images, labels)
    distances = (near - images).flatten(1).norm(dim=1)
    broken = network(near).argmax(1) != labels
    return {
        "first": network.first.weight.flatten().tolist(),
        "second": network.second.weight.flatten().tolist(),
        "levels": (images * 255).round().long().flatten().tolist(), "labels": labels.tolist(),
        "attacks": results,
        "cw": [d if b else None for d, b in zip(distances.tolist(), broken.tolist())],
    }


if __name__ == "__main__":
    fixture = made()
    if "--check" in sys.argv:
        with open(FIXTURE, encoding="utf-8") as file:
            old = json.load(file)
        assert old["levels"] == fixture["levels"] and old["labels"] == fixture["labels"]
        for name, row in fixture["attacks"].items():
            assert old["attacks"][name] == row, name
        print("the fixture agrees")
    else:
        with open(FIXTURE, "w", encoding="utf-8") as file:
            json.dump(fixture, file, separators=(",", ":"))
            file.write("\n")
        print(f"{os.path.getsize(FIXTURE)} bytes")
