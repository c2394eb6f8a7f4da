#!/usr/bin/env python3
"""Writes Tests/Fixtures/preprocess.json: pictures and what the reference pipelines make of them.

Pictures are synthetic (smooth noise, edges, texture), of odd sizes in both orientations and of
extreme aspect ratios; JPEG, gray, with alpha, with a palette. Each is opened with Pillow and
converted to RGB first, as torchvision's loader does. References, before normalisation:

  openai          open_clip's image_transform, resize mode "shortest", bicubic
  openai, hf      transformers' CLIPImageProcessorPil: the same resize, another rounding of the crop
  siglip          open_clip's image_transform, resize mode "squash", bicubic; checked here to equal
                  transformers' SiglipImageProcessorPil
  mmcoa_imagenet  torchvision's Resize(256), CenterCrop(224), in proportion for another size
  mmcoa_small     the pixels themselves

Small results are stored as bytes, those at 224 as SHA-256. Findings of the run that made the file:
Pillow's resize and the PIL processors agree in every byte; the processors that transformers 5
takes by default work on torch tensors and differ from them by up to 6 levels here. Pictures with
alpha or a palette have no one reference, and Kilpi goes by convert("RGB"), which drops alpha, then
resize: OpenAI's and open_clip's transforms convert after the resize (Pillow premultiplies, and does
not mix palette entries), transformers 5 fills what is clear with white.

Made with CPython 3.11, Pillow 13.0.0, torchvision 0.29.2, open_clip_torch 3.3.0,
transformers 5.23.0, numpy 2.4.6, seed 20241108.
Command: python scripts/reference/preprocess.py [--photos FOLDER] (with --check: compare). The
folder's photographs enter as SHA-256 alone; without it those of the committed file are kept.
"""

import argparse
import hashlib
import io
import json
import pathlib
import sys

import numpy as np
import open_clip
import PIL
import torchvision.transforms as T
import transformers
from open_clip.transform import image_transform
from PIL import Image, ImageDraw
from transformers import SiglipImageProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

TARGET = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "preprocess.json"
SMALL, LARGE = 9, 224
findings = {"default siglip processor": 0, "convert after resize": []}


def photograph(random, width, height):
    total = np.zeros((height, width, 3))
    for octave in (2, 5, 11):
        across, down = octave, max(2, octave * height // width)
        coarse = random.integers(0, 256, (min(down, 40), across, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC)) / octave
    total *= 255 / total.max()
    image = Image.fromarray(total.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        points = [(int(random.integers(0, width)), int(random.integers(0, height))) for _ in range(3)]
        draw.polygon(points, fill=tuple(int(v) for v in random.integers(0, 256, 3)))
    grain = random.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def stored(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, optimize=True, **options)
    return out.getvalue()


def pictures(random):
    def jpeg(width, height, mode="RGB", **options):
        return stored(photograph(random, width, height).convert(mode), "JPEG",
                      **{"quality": 80, **options})

    yield "landscape", jpeg(131, 87)
    yield "portrait", jpeg(87, 131)
    yield "landscape, 4:4:4 progressive", jpeg(98, 63, subsampling=0, progressive=True)
    yield "portrait, 4:2:2", jpeg(63, 98, subsampling=1)
    yield "square", jpeg(77, 77)
    yield "very wide", jpeg(301, 41, quality=60)
    yield "very high", jpeg(41, 301, quality=60)
    yield "a strip", jpeg(150, 6)
    yield "a column", jpeg(6, 150)
    yield "two columns", jpeg(2, 30)
    yield "the size of the crop", jpeg(9, 9)
    yield "one pixel more", jpeg(10, 9)
    yield "larger than 224", jpeg(333, 251, quality=50)
    yield "larger than 224, upright", jpeg(251, 333, quality=50)
    yield "gray", jpeg(61, 45, "L")
    yield "gray png", stored(photograph(random, 33, 46).convert("L"), "PNG")
    alpha = photograph(random, 47, 35)
    alpha.putalpha(photograph(random, 47, 35).convert("L"))
    yield "alpha", stored(alpha, "PNG")
    yield "gray and alpha", stored(alpha.crop((3, 4, 28, 35)).convert("LA"), "PNG")
    palette = photograph(random, 53, 70).quantize(32)
    yield "palette", stored(palette, "PNG")
    yield "palette with a clear entry", stored(palette, "PNG", transparency=3)


def levels(array):
    """Bytes of a result in [0, 1], [3, S, S] or a tensor."""
    values = np.asarray(array).transpose(1, 2, 0) * 255
    bytes_ = values.round().astype(np.uint8)
    assert np.abs(values - bytes_).max() < 1e-3
    return bytes_


def open_clip_transform(size, mode):
    return T.Compose(image_transform(size, is_train=False, resize_mode=mode,
                                     interpolation="bicubic").transforms[:-1])


def hugging_face(processor, image, **sizes):
    made = processor(do_normalize=False, **sizes)(images=image, return_tensors="np")
    return levels(made["pixel_values"][0])


def results(image, size):
    """Name, crop rule and pixels of each preset at a size; image is RGB."""
    square = {"height": size, "width": size}
    squashed = levels(open_clip_transform(size, "squash")(image))
    assert (squashed == hugging_face(SiglipImageProcessorPil, image, size=square)).all()
    other = hugging_face(SiglipImageProcessor, image, size=square)
    findings["default siglip processor"] = max(
        findings["default siglip processor"], int(np.abs(other - squashed.astype(int)).max()))
    yield "openai", "torchvision", levels(open_clip_transform(size, "shortest")(image))
    yield "openai", "hf", hugging_face(
        CLIPImageProcessorPil, image, size={"shortest_edge": size}, crop_size=square)
    yield "siglip", "torchvision", squashed
    tecoa = T.Compose([T.Resize(size * 256 // 224), T.CenterCrop(size), T.ToTensor()])
    yield "mmcoa_imagenet", "torchvision", levels(tecoa(image))


def sha256(pixels):
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def rows(name, data):
    opened = Image.open(io.BytesIO(data))
    # Without the note of a clear palette entry, which transformers would fill with white.
    image = Image.fromarray(np.asarray(opened.convert("RGB")))
    for size in (SMALL, LARGE):
        for preset, crop, pixels in results(image, size):
            row = {"preset": preset, "crop": crop, "size": size}
            if size == SMALL:
                row["rgb"] = pixels.tobytes().hex()
            else:
                row["sha256"] = sha256(pixels)
            yield row
    yield {"preset": "mmcoa_small", "crop": "torchvision", "size": LARGE,
           "sha256": sha256(np.asarray(image))}
    late = levels(open_clip_transform(SMALL, "shortest")(opened))
    if (late != levels(open_clip_transform(SMALL, "shortest")(image))).any():
        findings["convert after resize"].append(name)


def photographs(folder):
    result = {}
    for path in sorted(folder.glob("*.jpg")) + sorted(folder.glob("*.png")):
        image = Image.open(path).convert("RGB")
        made = {f"{preset}/{crop}": sha256(pixels) for preset, crop, pixels in results(image, LARGE)}
        result[path.name] = {"rgb": sha256(np.asarray(image)), **made}
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    random = np.random.default_rng(20241108)
    kept = json.loads(TARGET.read_text())["photographs"] if TARGET.exists() else {}
    made = [{"name": name, "file": data.hex(), "cases": list(rows(name, data))}
            for name, data in pictures(random)]
    fixture = {
        "made_by": "scripts/reference/preprocess.py",
        "versions": {"pillow": PIL.__version__, "open_clip": open_clip.__version__,
                     "transformers": transformers.__version__},
        "pictures": made,
        "photographs": photographs(options.photos) if options.photos else kept,
    }
    text = json.dumps(fixture, indent=0, separators=(",", ":")) + "\n"
    print(findings)
    if options.check:
        same = TARGET.read_text() == text
        print("same" if same else f"{TARGET.name} differs from what this run makes")
        sys.exit(0 if same else 1)
    TARGET.write_text(text)
    print(f"{TARGET.name}: {len(text)} bytes")


main()
