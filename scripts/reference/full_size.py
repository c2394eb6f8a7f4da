#!/usr/bin/env python3
"""Published sizes with random weights, made on the spot: Kilpi against open_clip and transformers.

Run with: CPython 3.11, torch 2.15.0 (CPU), open_clip_torch 3.3.0, timm 1.0.31, transformers 5.23.0,
safetensors 0.8.0.
Command: python scripts/reference/full_size.py KILPI FOLDER [NAME ...]
         KILPI is the executable, FOLDER takes the weights (600 MB each, removed afterwards), NAME one of
         the rows below (all without one).

For each row: the library makes and writes a model; Kilpi loads the file, computes image and text features,
logits and the gradient of the summed cross-entropy with respect to the pixels, and writes the model in each
layout that holds it; the library loads that back (no missing, no unexpected key) and must give the same
features. Printed: largest differences, seconds and peak memory of Kilpi's loading.
"""
import json
import os
import re
import shutil
import subprocess
import sys

import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

KILPI, FOLDER = sys.argv[1], sys.argv[2]

LOAD = """
local function now() local f <close> = assert(io.open("/proc/uptime")); return f:read("n") end
local start = now()
local model = clip.load("%(path)s"%(options)s)
local loaded = now() - start
local peak
for line in io.lines("/proc/self/status") do peak = tonumber(line:match("^VmHWM:%%s+(%%d+)")) or peak end
local input = tensor.load("%(folder)s/input.safetensors")
local x = input.images:requires_grad_(true)
local image, text = model:encode_image(x), model:encode_text(input.ids)
local logits = model:logits(x, text)
local loss = tensor.cross_entropy(logits, tensor.arange(1, x:size(1)):to("int64"), {reduction = "sum"})
local gradient = tensor.grad(loss, {x})[1]
tensor.save("%(folder)s/output.safetensors", {image = image:detach(), text = text:detach(), logits = logits:detach(), gradient = gradient})
for _, layout in ipairs { "hf", "open_clip" } do pcall(model.save, model, "%(folder)s/" .. layout, {layout = layout}) end
print(json.encode { seconds = loaded, peak_mb = peak / 1024, weights_mb = model:num_parameters() * 4 / 2^20, model = tostring(model) })
"""


def normalised(images, mean, std):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (mean, std))
    return (images - mean) / std


class OpenClip:
    def __init__(self, name, file):
        self.name, self.file = name, file

    def make(self, folder):
        self.model = open_clip.create_model(self.name, pretrained=None).eval()
        self.shake()
        state = {k: v.contiguous() for k, v in self.model.state_dict().items()}
        config = open_clip.get_model_config(self.name)
        pre = open_clip.get_model_preprocess_cfg(self.model)
        self.mean, self.std = pre["mean"], pre["std"]
        with open(os.path.join(folder, "open_clip_config.json"), "w") as f:
            json.dump({"model_cfg": config, "preprocess_cfg": {"mean": self.mean, "std": self.std}}, f)
        path = os.path.join(folder, self.file)
        save_file(state, path) if self.file.endswith("safetensors") else torch.save(state, path)
        size = self.model.visual.image_size
        self.size = size[0] if isinstance(size, (tuple, list)) else size
        self.context, self.vocabulary = self.model.context_length, self.model.vocab_size
        return folder

    def shake(self):
        with torch.no_grad():
            for name, p in list(self.model.named_parameters()) + list(self.model.named_buffers()):
                if p.dtype.is_floating_point and "logit" not in name and "mask" not in name and p.dim() == 1:
                    p.add_(torch.randn_like(p) * 0.02)
                    if name.endswith("running_var"):
                        p.abs_()

    def encode(self, model, images, ids):
        image = model.encode_image(normalised(images, self.mean, self.std))
        return F.normalize(image, dim=-1), F.normalize(model.encode_text(ids), dim=-1)


class HuggingFace(OpenClip):
    def __init__(self, kind):
        self.kind = kind

    def make(self, folder):
        siglip = self.kind == "siglip"
        config = SiglipConfig() if siglip else CLIPConfig()
        self.model = (SiglipModel if siglip else CLIPModel)(config).eval()
        self.shake()
        self.model.save_pretrained(folder)
        self.mean, self.std = ([0.5] * 3, [0.5] * 3) if siglip else (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
        self.size, self.context = 224, 64 if siglip else 77
        self.vocabulary = config.text_config.vocab_size
        return folder

    def encode(self, model, images, ids):
        vision = model.vision_model(pixel_values=normalised(images, self.mean, self.std)).pooler_output
        text = model.text_model(input_ids=ids).pooler_output
        if self.kind == "clip":
            vision, text = model.visual_projection(vision), model.text_projection(text)
        return F.normalize(vision, dim=-1), F.normalize(text, dim=-1)


ROWS = {
    "ViT-B-32": OpenClip("ViT-B-32", "open_clip_model.safetensors"),
    "ViT-B-32-quickgelu": OpenClip("ViT-B-32-quickgelu", "open_clip_pytorch_model.bin"),
    "RN50-quickgelu": OpenClip("RN50-quickgelu", "open_clip_pytorch_model.bin"),
    "ViT-B-16-SigLIP": OpenClip("ViT-B-16-SigLIP", "open_clip_model.safetensors"),
    "hf-clip": HuggingFace("clip"),
    "hf-siglip": HuggingFace("siglip"),
}


def difference(a, b):
    return (a.double() - b.double()).abs().max().item()


def read_back(row, folder, images, ids, wanted):
    """The written layouts in the libraries that they are for."""
    found = {}
    for layout in ("hf", "open_clip"):
        path = os.path.join(folder, layout)
        if not os.path.isdir(path) or not os.listdir(path):
            continue
        if layout == "hf":
            config = json.load(open(os.path.join(path, "config.json")))
            siglip = config["model_type"] == "siglip"
            model, info = (SiglipModel if siglip else CLIPModel).from_pretrained(path, output_loading_info=True)
            assert not info["missing_keys"] and not info["unexpected_keys"], info
            reader = HuggingFace("siglip" if siglip else "clip")
        else:
            config = json.load(open(os.path.join(path, "open_clip_config.json")))["model_cfg"]
            flat = open_clip.model.CLIP(**config)
            problems = flat.load_state_dict(load_file(os.path.join(path, "open_clip_model.safetensors")), strict=False)
            missing = [k for k in problems.missing_keys if not k.endswith("num_batches_tracked")]
            assert not missing and not problems.unexpected_keys, problems
            model, reader = flat, OpenClip("", "")
        reader.mean, reader.std = row.mean, row.std
        with torch.no_grad():
            image, text = reader.encode(model.eval(), images, ids)
        found[layout] = max(difference(image, wanted[0]), difference(text, wanted[1]))
        assert found[layout] < 2e-5, (layout, found)
        shutil.rmtree(path)
    return found


for name in sys.argv[3:] or ROWS:
    row, folder = ROWS[name], os.path.join(FOLDER, name)
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(7)
    path = row.make(folder)
    images = torch.rand(2, 3, row.size, row.size)
    ids = torch.randint(1, min(row.vocabulary, 40000), (2, row.context))
    if row.vocabulary == 49408:
        ids[:, 0], ids[0, 9], ids[1, -1] = 49406, 49407, 49407
        ids[0, 10:] = 0
    save_file({"images": images, "ids": ids}, os.path.join(folder, "input.safetensors"))
    x = images.clone().requires_grad_(True)
    image, text = row.encode(row.model, x, ids)
    logits = row.model.logit_scale.exp() * image @ text.T
    if getattr(row.model, "logit_bias", None) is not None:
        logits = logits + row.model.logit_bias
    F.cross_entropy(logits, torch.arange(2), reduction="sum").backward()
    script = LOAD % {"path": path, "folder": folder, "options": ""}
    out = subprocess.run([KILPI, "-e", script], capture_output=True, text=True, cwd=folder)
    if out.returncode:
        sys.exit(out.stderr)
    facts = json.loads(out.stdout)
    ours = load_file(os.path.join(folder, "output.safetensors"))
    gradient = difference(ours["gradient"], x.grad) / x.grad.abs().max().item()
    print(f"{name}: image {difference(ours['image'], image):.1e} text {difference(ours['text'], text):.1e} "
          f"logits {difference(ours['logits'], logits):.1e} gradient {gradient:.1e} relative; "
          f"loaded in {facts['seconds']:.2f} s, peak {facts['peak_mb']:.0f} MB for {facts['weights_mb']:.0f} MB of weights; "
          f"written and read back: {read_back(row, folder, images, ids, (image, text))}", flush=True)
    assert difference(ours["image"], image) < 2e-5 and difference(ours["text"], text) < 2e-5 and gradient < 1e-3
    shutil.rmtree(folder)
