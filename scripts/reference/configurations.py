#!/usr/bin/env python3
"""Writes Tests/Fixtures/configurations.json: what transformers, timm and open_clip make of configuration
and tokenizer files.

Run with: CPython 3.11, torch 2.15.0, transformers 5.24.0, tokenizers 0.23.3, timm 1.0.31,
open_clip_torch 3.3.0, torchvision 0.28.0, Pillow 13.0, on 2026-11-30.
Command: python scripts/reference/configurations.py

`configs`: a config.json and the fields of transformers' configuration classes. `processors`: files of an
image processor, and mean and deviation such that a pixel x in 0 ... 1 becomes (x - mean) / deviation, from
the processor's own output for a black and a white picture. `towers`: timm's SigLIP image towers by name.
`tokenizers`: files of a folder, texts and the rows of ids that the tokenizer gives. `cleaning`: ids of
open_clip's tokenizer in its three modes, also through its wrapper around transformers' class.
"""
import json
import os
import tempfile

import numpy as np
import open_clip
import timm
import torch
import transformers
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPConfig, SiglipConfig

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
print(transformers.__version__, timm.__version__, open_clip.__version__, torch.__version__)

# MARK: config.json

SMALL_VISION = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
                "image_size": 16, "patch_size": 8, "hidden_act": "gelu"}
SMALL_TEXT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2,
              "hidden_act": "gelu", "eos_token_id": 7, "vocab_size": 99, "max_position_embeddings": 11}
CONFIGS = {
    "all left out but the activation": {
        "model_type": "clip", "vision_config": {"hidden_act": "gelu"}, "text_config": {"hidden_act": "gelu"}},
    "end token left out": {
        "model_type": "clip", "vision_config": SMALL_VISION,
        "text_config": {k: v for k, v in SMALL_TEXT.items() if k not in ("eos_token_id", "vocab_size")}},
    "end token 2": {
        "model_type": "clip", "vision_config": SMALL_VISION, "text_config": {**SMALL_TEXT, "eos_token_id": 2}},
    "end token in a list": {
        "model_type": "clip", "vision_config": SMALL_VISION, "text_config": {**SMALL_TEXT, "eos_token_id": [7]}},
    "dictionaries over parts": {
        "model_type": "clip", "vision_config": {**SMALL_VISION, "hidden_act": "quick_gelu"},
        "text_config": {**SMALL_TEXT, "num_attention_heads": 4},
        "vision_config_dict": SMALL_VISION, "text_config_dict": SMALL_TEXT},
    "dictionaries alone": {
        "model_type": "clip", "vision_config_dict": SMALL_VISION, "text_config_dict": SMALL_TEXT},
    "as openai/clip-vit-large-patch14": {
        "model_type": "clip", "projection_dim": 768,
        "text_config": {"hidden_act": "quick_gelu", "hidden_size": 768, "eos_token_id": 2},
        "text_config_dict": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
                             "num_hidden_layers": 12, "projection_dim": 768},
        "vision_config": {"hidden_act": "quick_gelu", "patch_size": 14},
        "vision_config_dict": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
                               "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768}},
    "an empty dictionary": {
        "model_type": "clip", "vision_config": SMALL_VISION, "text_config": SMALL_TEXT, "text_config_dict": {}},
    "a null dictionary": {
        "model_type": "clip", "vision_config": SMALL_VISION, "text_config": SMALL_TEXT,
        "text_config_dict": None, "vision_config_dict": None},
    "sizes as lists": {
        "model_type": "clip", "text_config": SMALL_TEXT,
        "vision_config": {**SMALL_VISION, "image_size": [16, 16], "patch_size": [8, 8]}},
    "widths without their MLPs": {
        "model_type": "clip", "vision_config": {"hidden_size": 48, "hidden_act": "gelu"},
        "text_config": {"hidden_size": 64, "hidden_act": "gelu"}},
    "SigLIP, all left out": {"model_type": "siglip", "vision_config": {}, "text_config": {}},
    "SigLIP, parts left out": {"model_type": "siglip"},
    "SigLIP, small": {
        "model_type": "siglip", "vision_config": SMALL_VISION,
        "text_config": {**SMALL_TEXT, "projection_size": 32}},
}


def configs():
    rows = []
    for name, config in CONFIGS.items():
        kind = SiglipConfig if config["model_type"] == "siglip" else CLIPConfig
        read = kind.from_dict(json.loads(json.dumps(config)))

        def tower(part):
            return {"width": part.hidden_size, "layers": part.num_hidden_layers,
                    "heads": part.num_attention_heads, "hidden": part.intermediate_size,
                    "activation": part.hidden_act, "epsilon": part.layer_norm_eps}

        def side(value):
            return value if isinstance(value, int) else value[0]

        end = read.text_config.eos_token_id
        rows.append({
            "name": name, "json": config, "vision": tower(read.vision_config), "text": tower(read.text_config),
            "image_size": side(read.vision_config.image_size), "patch_size": side(read.vision_config.patch_size),
            "context": read.text_config.max_position_embeddings, "vocabulary": read.text_config.vocab_size,
            "end": end[0] if isinstance(end, list) else end,
            "embedding": read.vision_config.hidden_size if kind is SiglipConfig else read.projection_dim})
    return rows


# MARK: Image processors

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
CLIP = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": False, "do_convert_rgb": True,
        "size": {"height": 16, "width": 16}, "resample": 3}
PROCESSORS = {
    "preprocessor_config.json": {"preprocessor_config.json": {**CLIP, "image_mean": MEAN, "image_std": STD}},
    "processor_config.json": {
        "processor_config.json": {"processor_class": "CLIPProcessor",
                                  "image_processor": {**CLIP, "image_mean": MEAN, "image_std": STD}}},
    "both": {
        "processor_config.json": {"image_processor": {**CLIP, "image_mean": MEAN, "image_std": STD}},
        "preprocessor_config.json": {**CLIP, "image_mean": [0.1, 0.1, 0.1], "image_std": [0.9, 0.9, 0.9]}},
    "a processor without its image part": {
        "processor_config.json": {"processor_class": "CLIPProcessor"},
        "preprocessor_config.json": {**CLIP, "image_mean": MEAN, "image_std": STD}},
    "numbers of the class": {"preprocessor_config.json": CLIP},
    "numbers of SigLIP's class": {
        "processor_config.json": {"image_processor": {"image_processor_type": "SiglipImageProcessor",
                                                      "size": {"height": 16, "width": 16}}}},
    "not normalised": {
        "preprocessor_config.json": {**CLIP, "image_mean": MEAN, "image_std": STD, "do_normalize": False}},
    "another factor": {
        "preprocessor_config.json": {**CLIP, "image_mean": MEAN, "image_std": STD, "rescale_factor": 1 / 127.5}},
    "not rescaled": {
        "preprocessor_config.json": {**CLIP, "image_mean": [120.0, 110.0, 100.0], "image_std": [60.0, 50.0, 40.0],
                                     "do_rescale": False}},
}


def processors():
    rows = []
    for name, files in PROCESSORS.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                with open(os.path.join(folder, file), "w") as stream:
                    json.dump(content, stream)
            with open(os.path.join(folder, "config.json"), "w") as stream:
                json.dump({"model_type": "clip"}, stream)
            processor = AutoImageProcessor.from_pretrained(folder)
            ends = [processor(Image.new("RGB", (16, 16), (v, v, v)), return_tensors="np")["pixel_values"]
                    for v in (0, 255)]
            black, white = (np.asarray(e, np.float64)[0, :, 0, 0] for e in ends)
            deviation = 1 / (white - black)
            rows.append({"name": name, "files": files, "mean": (-black * deviation).tolist(),
                         "deviation": deviation.tolist()})
    return rows


# MARK: timm

def towers():
    rows = []
    for name in sorted(timm.list_models("vit_*_siglip_*")):
        if "_gap_" in name:
            continue
        with torch.device("meta"):
            model = timm.create_model(name)
        block, pool = model.blocks[0], model.attn_pool
        acts = {(type(act).__name__, getattr(act, "approximate", "none")) for act in (block.mlp.act, pool.mlp.act)}
        assert len(acts) == 1, acts
        kind, approximate = acts.pop()
        tanh = kind == "GELUTanh" or approximate == "tanh"
        assert tanh or kind == "GELU", kind
        assert block.norm1.eps == model.norm.eps == pool.norm.eps == 1e-6
        assert pool.num_heads == block.attn.num_heads and pool.mlp.fc1.out_features == block.mlp.fc1.out_features
        rows.append({"name": name, "activation": "gelu_pytorch_tanh" if tanh else "gelu", "width": model.embed_dim,
                     "layers": len(model.blocks), "heads": block.attn.num_heads,
                     "hidden": block.mlp.fc1.out_features, "patch_size": model.patch_embed.patch_size[0],
                     "image_size": model.patch_embed.img_size[0]})
    return rows


# MARK: Tokenizers

def stand_ins():
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + n) for n in range(len(rest))]


BYTES = stand_ins()
MERGES = ["c a", "ca t</w>", "d o", "do g</w>", "' s</w>", "C a", "Ca t</w>"]
SYMBOLS = BYTES + [s + "</w>" for s in BYTES] + [m.replace(" ", "") for m in MERGES]
TEXTS = ["a cat", "A  Cat's dog\t12", "caf\u00e9 cafe\u0301 \u201cdog\u201d", "I DON'T &amp; cat!!'s", ""]


def vocabulary(start, end, *more):
    return {s: i for i, s in enumerate(SYMBOLS + [start, end, *more])}


def document(change=lambda d: None, start="<|startoftext|>", end="<|endoftext|>"):
    """A tokenizer.json as transformers writes it for CLIP, changed."""
    with tempfile.TemporaryDirectory() as folder:
        plain(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        result = json.loads(tokenizer.backend_tokenizer.to_str())
    change(result)
    return result


def plain(folder):
    write(folder, {"vocab.json": vocabulary("<|startoftext|>", "<|endoftext|>"),
                   "merges.txt": "#version: 0.2\n" + "\n".join(MERGES) + "\n",
                   "tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer"}})


def write(folder, files):
    for name, content in files.items():
        with open(os.path.join(folder, name), "w") as stream:
            stream.write(content if isinstance(content, str) else json.dumps(content))


def no_lowercase(d):
    d["normalizer"]["normalizers"].pop()


def template(d):
    d["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|startoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {n: {"id": n, "ids": [d["model"]["vocab"][n]], "tokens": [n]}
                           for n in ("<|startoftext|>", "<|endoftext|>")}}


FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
TOKENIZERS = {
    "vocab.json": {"vocab.json": vocabulary("<|startoftext|>", "<|endoftext|>"),
                   "merges.txt": "#version: 0.2\n" + "\n".join(MERGES) + "\n",
                   "tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer"}},
    "another padding token": {"vocab.json": vocabulary("<|startoftext|>", "<|endoftext|>"),
                              "merges.txt": "#version: 0.2\n" + "\n".join(MERGES) + "\n",
                              "tokenizer_config.json": {"tokenizer_class": "CLIPTokenizer", "pad_token": "!"}},
    "tokenizer.json": {"tokenizer.json": document(), "tokenizer_config.json": FAST},
    "capital letters stay": {"tokenizer.json": document(no_lowercase), "tokenizer_config.json": FAST},
    "a template": {"tokenizer.json": document(template), "tokenizer_config.json": FAST},
}


def tokenizers():
    rows = []
    for name, files in TOKENIZERS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(folder, files)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = [tokenizer(t, padding="max_length", max_length=24)["input_ids"] for t in TEXTS]
        # The symbols are those of the tests, too: they make up most of such a file.
        shown = {n: c for n, c in files.items() if n not in ("vocab.json", "merges.txt")}
        if "tokenizer.json" in shown:
            shown["tokenizer.json"] = json.loads(json.dumps(shown["tokenizer.json"]))
            shown["tokenizer.json"]["model"]["vocab"] = None
            shown["tokenizer.json"]["padding"] = None
        rows.append({"name": name, "files": shown, "texts": TEXTS, "ids": ids})
    return rows


CLEANED = ["A photo of a CAT.", "snow_man's  HELLO", "1 &lt; 2 &amp;amp; \u201cQuoted\u201d", "It'S LL'D I'LL", "\u017f \u0130 \u03a3\u0391\u03a3"]


def cleaning():
    rows = []
    for mode in ("lower", "whitespace", "canonicalize"):
        tokenizer = SimpleTokenizer(clean=mode)
        rows.append({"mode": mode, "wrapped": False, "texts": CLEANED,
                     "ids": [tokenizer.encode(tokenizer.clean_fn(t)) for t in CLEANED]})
    with tempfile.TemporaryDirectory() as folder:
        plain(folder)
        for mode in ("whitespace", "canonicalize"):
            tokenizer = HFTokenizer(folder, context_length=48, clean=mode)
            rows.append({"mode": mode, "wrapped": True, "texts": CLEANED, "ids": tokenizer(CLEANED).tolist()})
    return rows


def main():
    path = os.path.join(ROOT, "Tests", "Fixtures", "configurations.json")
    with open(path, "w") as stream:
        json.dump({"configs": configs(), "processors": processors(), "towers": towers(), "merges": MERGES,
                   "tokenizers": tokenizers(), "cleaning": cleaning()}, stream, separators=(",", ":"))
        stream.write("\n")
    print(os.path.getsize(path), "bytes")


main()
