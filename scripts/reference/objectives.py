#!/usr/bin/env python3
"""Fixtures for the training methods: losses, gradients and five updates of a tiny random CLIP.

Run with: CPython 3.11, torch 2.15.0 (CPU), transformers 5.24.0, safetensors 0.8.0, numpy 2.4.6; seed 7.
Command: python scripts/reference/objectives.py           writes Tests/Fixtures/objectives/
         python scripts/reference/objectives.py --check   computes again and compares

The model is transformers' CLIPModel in float64. Losses are written here from the articles and the
released code: TeCoA (arXiv 2212.07016), FARE (2402.12336), PMG-AFT (2401.04350), TGA-ZSR (2410.21802), Comp-TGA
(2603.18598), TRADES (1901.08573), LEAF (2506.03355), MMCoA (2404.19287). Adversarial images and texts are given:
what is compared is the loss and its gradient, not the attack. Gradients are taken where the model has
moved away from the one that the run began with, so that terms between the two are not zero.
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel

FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Fixtures", "objectives")
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073], dtype=torch.float64).view(1, 3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711], dtype=torch.float64).view(1, 3, 1, 1)
SIDE, START, END = 12, 62, 63
NAMES = ["cat", "dog", "bus"]
TEMPLATE = "a {}"
LABELS = [0, 1, 2, 0, 1, 0]
EDITED = ["a cot", "o dogg", "a bs"]
ADVERSARIAL = [EDITED[label] for label in LABELS]


def ids_of(texts):
    """The test's tokenizer: one token a character, a to z are 1 to 26, a space is 27."""
    rows = []
    for text in texts:
        row = [START] + [27 if c == " " else ord(c) - 96 for c in text] + [END]
        rows.append(row + [0] * (12 - len(row)))
    return torch.tensor(rows)


def tower_config():
    return CLIPConfig(
        projection_dim=6,
        text_config=dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
                         max_position_embeddings=12, vocab_size=64, hidden_act="quick_gelu", eos_token_id=END,
                         bos_token_id=START, pad_token_id=0, projection_dim=6),
        vision_config=dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
                           image_size=SIDE, patch_size=4, hidden_act="quick_gelu", projection_dim=6))


def raw_images(model, x, patches=False):
    vision = model.vision_model(pixel_values=(x - MEAN) / STD)
    out = model.visual_projection(vision.pooler_output)
    if not patches:
        return out
    tokens = model.vision_model.post_layernorm(vision.last_hidden_state[:, 1:])
    return out, model.visual_projection(tokens)


def raw_texts(model, texts):
    return model.text_projection(model.text_model(input_ids=ids_of(texts)).pooler_output)


def unit(x):
    return F.normalize(x, dim=-1)


class Step:
    """What a loss reads."""

    def __init__(self, model, original, clean, moved):
        self.model, self.original, self.clean, self.moved = model, original, clean, moved
        self.y = torch.tensor(LABELS)
        self.prompts = [TEMPLATE.format(NAMES[label]) for label in LABELS]

    def classes(self, model):
        return unit(raw_texts(model, [TEMPLATE.format(name) for name in NAMES]))

    def logits(self, x, model=None):
        model = model or self.model
        return model.logit_scale.exp() * unit(raw_images(model, x)) @ self.classes(model).T

    def phi(self, images, texts):
        """The symmetric loss with targets label_mean."""
        s = self.model.logit_scale.exp() * unit(images) @ unit(texts).T
        same = (self.y[:, None] == self.y[None, :]).double()
        weights = same / same.sum(1, keepdim=True)

        def side(z):
            return -(weights * z.log_softmax(1)).sum(1).mean()
        return (side(s) + side(s.T)) / 2

    def attention(self, x, model, complementary):
        _, tokens = raw_images(model, x, patches=True)
        tokens, classes = unit(tokens), self.classes(model)

        def scaled(m):
            low, high = m.amin(1, keepdim=True), m.amax(1, keepdim=True)
            return (m - low) / (high - low)
        own = classes[self.y]
        result = scaled((tokens * own[:, None]).sum(-1))
        if complementary:
            others = unit((classes.sum(0, keepdim=True) - own) / (len(NAMES) - 1))
            result = result * (1 - scaled((tokens * others[:, None]).sum(-1)))
        edge = int(result.shape[1] ** 0.5)
        grown = F.interpolate(result.view(-1, 1, edge, edge), size=(SIDE, SIDE), mode="bilinear",
                              align_corners=False)
        return grown.flatten(1)


def kl(p_logits, q_logits):
    p = p_logits.log_softmax(1)
    return (p.exp() * (p - q_logits.log_softmax(1))).sum(1).mean()


def mmcoa(s):
    clean, texts = raw_images(s.model, s.clean), raw_texts(s.model, s.prompts)
    moved, edited = raw_images(s.model, s.moved), raw_texts(s.model, ADVERSARIAL)
    return 0.5 * 2 * s.phi(moved, texts) + 0.5 * 2 * s.phi(clean, edited)


def image_only(s):
    return 0.5 * 2 * s.phi(raw_images(s.model, s.moved), raw_texts(s.model, s.prompts))


def text_only(s):
    return 0.5 * 2 * s.phi(raw_images(s.model, s.clean), raw_texts(s.model, ADVERSARIAL))


def clean(s):
    return s.phi(raw_images(s.model, s.clean), raw_texts(s.model, s.prompts))


def adversarial(s):
    return s.phi(raw_images(s.model, s.moved), raw_texts(s.model, s.prompts))


def clean_ce(s):
    return F.cross_entropy(s.logits(s.clean), s.y)


def tecoa(s):
    return F.cross_entropy(s.logits(s.moved), s.y)


def tecoa_fare(s):
    return F.cross_entropy(100 * unit(raw_images(s.model, s.moved)) @ s.classes(s.model).T, s.y)


def fare(s):
    with torch.no_grad():
        before = raw_images(s.original, s.clean)
    return ((raw_images(s.model, s.moved) - before) ** 2).sum(1).mean()


def pmg_aft(s):
    with torch.no_grad():
        before = s.logits(s.moved, s.original)
    z, moved = s.logits(s.clean), s.logits(s.moved)
    return F.cross_entropy(moved, s.y) + kl(before, moved) + kl(z, moved)


def guided(s, alpha, beta, complementary):
    with torch.no_grad():
        before = s.attention(s.clean, s.original, complementary)
    moved = s.attention(s.moved, s.model, complementary)
    still = s.attention(s.clean, s.model, complementary)
    return (F.cross_entropy(s.logits(s.moved), s.y) + alpha * (moved - before).norm(dim=1).mean()
            + beta * (still - before).norm(dim=1).mean())


def tga_zsr(s):
    return guided(s, 0.08, 0.05, False)


def comp_tga(s):
    return guided(s, 0.10, 0.07, True)


def trades(s):
    z = s.logits(s.clean)
    return F.cross_entropy(z, s.y) + 6 * kl(z, s.logits(s.moved))


def leaf(s):
    with torch.no_grad():
        before = raw_texts(s.original, s.prompts)
    return ((raw_texts(s.model, ADVERSARIAL) - before) ** 2).sum(1).mean()


METHODS = [mmcoa, image_only, text_only, clean, adversarial, clean_ce, tecoa, tecoa_fare, fare, pmg_aft,
           tga_zsr, comp_tga, trades, leaf]


def is_visual(name):
    return name.startswith("vision_model.") or name.startswith("visual_projection")


def trained(method, name):
    """What a method trains by default."""
    if method in (mmcoa, image_only, text_only):
        return True
    return (not is_visual(name)) if method is leaf else is_visual(name)


def optimiser(method, parameters):
    if method in (mmcoa, image_only, text_only, fare, tecoa_fare, leaf):
        matrices = [p for p in parameters if p.dim() >= 2]
        rest = [p for p in parameters if p.dim() < 2]
        return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                 lr=1e-2, betas=(0.9, 0.98), eps=1e-6)
    return torch.optim.SGD(parameters, lr=1e-2, momentum=0.9)


def copy_of(state):
    model = CLIPModel(tower_config()).double().eval()
    model.load_state_dict(state)
    return model


def main():
    torch.manual_seed(7)
    first = CLIPModel(tower_config()).eval()
    with torch.no_grad():
        for name, p in first.named_parameters():
            if name == "logit_scale":
                p.fill_(2.0)
            else:
                p.add_(torch.randn_like(p) * 0.1)
    original = {k: v.double() for k, v in first.state_dict().items()}
    moved = {k: (v.float() + 0.05 * torch.randn_like(v.float())).double() if v.is_floating_point() and k != "logit_scale"
             else v for k, v in original.items()}
    x = torch.rand(len(LABELS), 3, SIDE, SIDE, dtype=torch.float64).float().double()
    x_a = (x + (torch.rand_like(x) - 0.5) * 0.1).clamp(0, 1).float().double()
    out = {"images": x, "adversarial": x_a}
    for method in METHODS:
        key = method.__name__.replace("_", "-")
        model, before = copy_of(moved), copy_of(original)
        loss = method(Step(model, before, x, x_a))
        loss.backward()
        out[f"{key}.loss"] = loss.detach().view(1)
        for name, p in model.named_parameters():
            if trained(method, name):
                out[f"{key}.gradient.{name}"] = (p.grad if p.grad is not None else torch.zeros_like(p)).float()
        model = copy_of(original)
        parameters = [p for n, p in model.named_parameters() if trained(method, n)]
        optim = optimiser(method, parameters)
        for _ in range(5):
            optim.zero_grad()
            method(Step(model, before, x, x_a)).backward()
            optim.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, 4.605170185988092)
        for name, p in model.named_parameters():
            if trained(method, name):
                out[f"{key}.updated.{name}"] = p.detach().float()
    out = {k: v.contiguous() for k, v in out.items()}
    if "--check" in sys.argv:
        known = load_file(os.path.join(FOLDER, "cases.safetensors"))
        assert known.keys() == out.keys()
        worst = max((known[k].double() - v.double()).abs().max().item() for k, v in out.items())
        print("largest difference", worst)
        sys.exit(worst > 1e-6)
    os.makedirs(FOLDER, exist_ok=True)
    save_file(out, os.path.join(FOLDER, "cases.safetensors"))
    for folder, state in (("original", original), ("current", moved)):
        path = os.path.join(FOLDER, folder)
        os.makedirs(path, exist_ok=True)
        weights = {k: v.float().contiguous() for k, v in state.items() if v.is_floating_point()}
        save_file(weights, os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(path, "config.json"), "w") as file:
            json.dump(first.config.to_dict(), file, indent=1)


main()
