#!/usr/bin/env python3
"""Training data of kilpi-tiny: Fashion-MNIST and Noto's colour emoji as WebDataset shards of 64 x 64 PNG.

Run with: CPython 3.11, Pillow 13; Debian packages dataset-fashion-mnist (MIT), fonts-noto-color-emoji
(images Apache-2.0), unicode-data (names of emoji).
Command: python scripts/models/kilpi_tiny_data.py FOLDER
         writes FOLDER/{train,test}/0.tar, the layout that data.open reads, and FOLDER/names.txt

Emoji: every one of a single code point, without skin tones and flags, drawn at random scale and place on
a random plain background (white and black each a quarter); 8 drawings to train, 1 to test. Fashion-MNIST:
20,000 of the training images. Captions are one line for each way to say it; training draws one.
"""
import gzip
import io
import os
import random
import sys
import tarfile

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
NAMES = "/usr/share/unicode/emoji/emoji-test.txt"
FASHION = "/usr/share/datasets/fashion-mnist"
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
TEMPLATES = ["{}", "a photo of a {}", "This is a photo of a {}", "a picture of a {}", "an image of a {}", "a small {}"]
SIDE = 64


def emoji():
    found = []
    for line in open(NAMES, encoding="utf-8"):
        if "; fully-qualified" not in line:
            continue
        points = [int(p, 16) for p in line.split(";")[0].split()]
        points = [p for p in points if p != 0xFE0F]
        name = line.split("#", 1)[1].split(maxsplit=2)[2].strip()
        if len(points) == 1 and "keycap" not in name:
            found.append((chr(points[0]), name))
    return found


def background(random):
    kind = random.random()
    if kind < 0.25:
        return (255, 255, 255)
    if kind < 0.5:
        return (0, 0, 0)
    return tuple(random.randrange(256) for _ in range(3))


def drawing(font, symbol, random):
    large = Image.new("RGBA", (136, 128), (0, 0, 0, 0))
    ImageDraw.Draw(large).text((0, 0), symbol, font=font, embedded_color=True)
    if large.getbbox() is None:
        return None
    large = large.crop(large.getbbox())
    side = round(SIDE * random.uniform(0.6, 1.0))
    factor = side / max(large.size)
    small = large.resize([max(1, round(v * factor)) for v in large.size], Image.BICUBIC)
    canvas = Image.new("RGB", (SIDE, SIDE), background(random))
    place = [random.randint(0, SIDE - v) for v in small.size]
    canvas.paste(small, place, small)
    return canvas


def fashion(split, count):
    prefix = os.path.join(FASHION, "train" if split == "train" else "t10k")
    images = gzip.open(prefix + "-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(prefix + "-labels-idx1-ubyte.gz").read()[8:]
    for index in range(count):
        image = Image.frombytes("L", (28, 28), images[index * 784:(index + 1) * 784])
        yield image.resize((SIDE, SIDE), Image.BICUBIC).convert("RGB"), CLASSES[labels[index]]


def main(folder):
    font = ImageFont.truetype(FONT, 109)
    symbols = emoji()
    kept = []
    for split, copies, garments in (("train", 8, 20000), ("test", 1, 0)):
        os.makedirs(os.path.join(folder, split), exist_ok=True)
        rng = random.Random("kilpi-tiny " + split)
        samples = []
        for symbol, name in symbols:
            for _ in range(copies):
                image = drawing(font, symbol, rng)
                if image is not None:
                    samples.append((image, name))
            if split == "test" and image is not None:
                kept.append(name)
        samples += fashion(split, garments)
        rng.shuffle(samples)
        with tarfile.open(os.path.join(folder, split, "0.tar"), "w") as tar:
            def add(name, data):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            for index, (image, name) in enumerate(samples):
                data = io.BytesIO()
                image.save(data, "PNG")
                add(f"{index:06d}.png", data.getvalue())
                add(f"{index:06d}.txt", "\n".join(t.format(name) for t in TEMPLATES).encode())
        with open(os.path.join(folder, split, "nshards.txt"), "w") as f:
            f.write("1\n")
        print(split, len(samples), "images")
    with open(os.path.join(folder, "names.txt"), "w") as f:
        f.write("\n".join(kept) + "\n")
    print(len(kept), "emoji")


main(sys.argv[1])
