#!/usr/bin/env python3
"""Writes Tests/Fixtures/attacks.json: what other libraries' attacks do to a tiny network.

References: torchattacks 3.5.1 (FGSM, BIM, PGD without random start) and auto-attack as packaged in
pyautoattack 0.2.0 (APGD-CE, APGD-T, FAB-T), torch 2.15.0, Python 3.11.7; the metadata in the file
names what ran. The network has 48 inputs, 24 hidden units with GELU and 10 classes; its weights are
multiples of 1/512 and the images come from a linear congruential generator, so that neither needs
much room. Labels are the network's own. APGD starts at x + eps (L2, L1: the same length) with signs
from the generator, handed over, so that nothing is random. Per sample: signs of the changes for the
first 60 images, success ('1') or not for all, and FAB's distances for the first 200.
"""
import contextlib
import io
import json
import pathlib
import platform
from importlib import metadata

import numpy
import torch
import torchattacks
from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
from pyautoattack.fab_pt import FABAttack_PT

torch.set_num_threads(1)
root = pathlib.Path(__file__).resolve().parents[2]
PIXELS, HIDDEN, CLASSES, SAMPLES, SIGNS, DISTANCES = 48, 24, 10, 1000, 60, 200
EPS = {"Linf": 0.02, "L2": 0.12, "L1": 0.45}


def generator(state):
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield state >> 8


draw = numpy.random.default_rng(20261128)
weights = {
    "first": draw.normal(size=(HIDDEN, PIXELS)) * 0.4,
    "first_bias": draw.normal(size=HIDDEN) * 0.2,
    "second": draw.normal(size=(CLASSES, HIDDEN)) * 0.9,
    "second_bias": draw.normal(size=CLASSES) * 0.2,
}
weights = {name: numpy.round(value * 512).astype(int) for name, value in weights.items()}
tensors = {name: torch.tensor(value / 512, dtype=torch.float32) for name, value in weights.items()}


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        hidden = (x.flatten(1) - 0.5) @ tensors["first"].T + tensors["first_bias"]
        return torch.nn.functional.gelu(hidden) @ tensors["second"].T + tensors["second_bias"]


model = Network().eval()
pixels = generator(1)
images = torch.tensor([next(pixels) / 2**24 for _ in range(SAMPLES * PIXELS)], dtype=torch.float32)
images = images.reshape(SAMPLES, 3, 4, 4)
signs = generator(2)
signs = torch.tensor([1.0 if next(signs) & 1 << 23 else -1.0 for _ in range(SAMPLES * PIXELS)])
signs = signs.reshape(SAMPLES, 3, 4, 4)
with torch.no_grad():
    labels = model(images).argmax(1)


def bits(flags):
    return "".join("1" if flag else "0" for flag in flags)


def directions(moved):
    change = (moved - images[:SIGNS]).flatten()
    return "".join("+" if c > 0 else "-" if c < 0 else "0" for c in change.tolist())


def start(norm):
    length = {"Linf": EPS[norm], "L2": EPS[norm] / PIXELS**0.5, "L1": EPS[norm] / PIXELS}[norm]
    return (images + length * signs).clamp(0, 1)


def quietly(run):
    with contextlib.redirect_stdout(io.StringIO()):
        return run()


few, few_labels = images[:SIGNS], labels[:SIGNS]
result = {
    "signs": {
        "fgsm": directions(torchattacks.FGSM(model, eps=8 / 255)(few, few_labels)),
        "bim": directions(torchattacks.BIM(model, eps=8 / 255, alpha=1 / 255, steps=10)(few, few_labels)),
        "pgd": directions(
            torchattacks.PGD(model, eps=8 / 255, alpha=2 / 255, steps=20, random_start=False)(few, few_labels)),
    },
    "apgd_ce": {}, "apgd_dlr": {}, "apgd_t": {}, "fab_t": {},
}
for norm, eps in EPS.items():
    for loss in ["ce", "dlr"]:
        attack = APGDAttack(model, n_iter=50, norm=norm, eps=eps, loss=loss, device="cpu")
        attack.init_hyperparam(images)
        _, robust, _, _ = quietly(lambda: attack.attack_single_run(images, labels, x_init=start(norm)))
        result["apgd_" + loss][norm.lower()] = bits(~robust.bool())
    attack = APGDAttack_targeted(model, n_iter=50, norm=norm, eps=eps, n_target_classes=9, device="cpu")
    attack.init_hyperparam(images)
    attack.loss = "dlr-targeted"
    broken = torch.zeros(SAMPLES, dtype=torch.bool)
    ranked = model(images).sort(dim=1)[1]
    for rank in range(2, 11):
        attack.y_target = ranked[:, -rank]
        _, robust, _, _ = quietly(lambda: attack.attack_single_run(images, labels, x_init=start(norm)))
        broken |= ~robust.bool()
    result["apgd_t"][norm.lower()] = bits(broken)
    fab = FABAttack_PT(model, norm=norm, n_iter=30, eps=eps, device="cpu")
    x, y = images[:DISTANCES], labels[:DISTANCES]
    best = torch.full([DISTANCES], float("inf"))
    for rank in range(2, 11):
        fab.target_class = rank
        moved = quietly(lambda: fab.attack_single_run(x, y, use_rand_start=False, is_targeted=True))
        change = (moved - x).flatten(1)
        size = {"Linf": change.abs().amax(1), "L2": change.norm(dim=1), "L1": change.abs().sum(1)}[norm]
        best = torch.where((model(moved).argmax(1) != y) & (size < best), size, best)
    result["fab_t"][norm.lower()] = [float(f"{value:.7g}") for value in best.tolist()]
result["weights"] = {name: value.flatten().tolist() for name, value in weights.items()}
result["eps"] = {norm.lower(): eps for norm, eps in EPS.items()}
result["metadata"] = {
    "python": platform.python_version(),
    **{name: metadata.version(name) for name in ["torch", "torchattacks", "pyautoattack", "numpy"]}}
for name in ["apgd_ce", "apgd_dlr", "apgd_t"]:
    print(name, {norm: flags.count("1") for norm, flags in result[name].items()})
path = root / "Tests/Fixtures/attacks.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
print(path.stat().st_size, "bytes")
