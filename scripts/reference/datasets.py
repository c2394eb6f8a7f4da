#!/usr/bin/env python3
"""Writes Tests/Fixtures/datasets.json: how webdataset groups members and how torchvision lists folders.

WebDataset: names of a shard's members; the samples that group_by_keys makes of them and CLIP_benchmark's
to_tuple("webp;png;jpg;jpeg", "cls") takes, each as key and the member whose pixels are used, and how many
samples that passes over. Folders: names of files; classes and samples of torchvision's find_classes and
make_dataset with IMG_EXTENSIONS.

Made with CPython 3.11, webdataset 1.0.2, torchvision 0.28.0 (its datasets/folder.py alone) on 2026-11-30.
Command: python scripts/reference/datasets.py (with --check: compare with the committed file).
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import tempfile
import types

from webdataset import filters, tariterators

TARGET = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "datasets.json"

SHARDS = {
    "plain": ["0001.jpg", "0001.cls", "0002.png", "0002.cls"],
    "dots in all keys": ["img.1.jpg", "img.1.cls", "img.2.jpg", "img.2.cls"],
    "dots in some keys": ["a.jpg", "a.cls", "b.v2.jpg", "b.v2.cls", "c.jpg", "c.cls"],
    "dots in a folder": ["train.v1/0001.jpg", "train.v1/0001.cls", "train.v1/0002.jpg",
                         "train.v1/0002.cls"],
    "capitals": ["0001.JPG", "0001.Cls", "0002.JPEG", "0002.CLS"],
    "several images": ["a.jpeg", "a.png", "a.jpg", "a.cls", "b.jpg", "b.webp", "b.cls"],
    "a mask beside": ["a.jpg", "a.seg.png", "a.cls", "b.mask.png", "b.jpg", "b.cls"],
    "text and JSON beside": ["a.json", "a.jpg", "a.txt", "a.cls", "b.cls", "b.json", "b.jpg"],
    "JSON alone between": ["a.jpg", "a.cls", "meta.json", "b.jpg", "b.cls"],
    "hidden files": ["._a.jpg", "a.jpg", "._a.cls", "a.cls", "README", "b.jpg", "b.cls"],
    "one key in two folders": ["x/a.jpg", "x/a.cls", "y/a.jpg", "y/a.cls"],
    "webp": ["0.webp", "0.cls", "1.webp", "1.cls"],
}

FOLDERS = {
    "plain": ["cat/1.jpg", "cat/2.png", "dog/1.jpg"],
    "nested": ["cat/1.jpg", "cat/sub/2.jpg", "cat/sub/deep/0.jpg", "cat/a.jpg", "dog/sub/2.jpg"],
    "nested, order of strings": ["cat/a-b/1.jpg", "cat/a/1.jpg", "cat/a/b/2.jpg", "cat/aa/0.jpg",
                                 "cat/B/1.jpg", "dog/1.jpg"],
    "a folder called images": ["cat/1.jpg", "cat/images/0.jpg", "dog/images/2.jpg", "dog/boxes.txt"],
    "webp and pgm": ["cat/1.webp", "cat/2.WEBP", "cat/3.pgm", "dog/2.ppm", "dog/a.JPEG"],
    "other files": ["cat/1.jpg", "cat/notes.txt", "cat/1.json", "dog/Thumbs.db", "dog/1.jpg"],
    "names": ["10/a.jpg", "9/a.jpg", "Zebra/a.jpg", "émile/a.jpg", "猫/größe.jpg", "polar bear/a b.jpg"],
}


def shards():
    for name, members in SHARDS.items():
        stream = [{"fname": n, "data": i, "__url__": "0.tar"} for i, n in enumerate(members)]
        groups = list(tariterators.group_by_keys(iter(stream)))
        take = filters.to_tuple("webp;png;jpg;jpeg", "cls", handler=lambda error: True)
        samples = []
        for group in groups:
            for image, _ in take(iter([group])):
                samples.append([group["__key__"], image])
        yield {"name": name, "members": members, "samples": samples,
               "passed_over": len(groups) - len(samples)}


def folder_module():
    """torchvision/datasets/folder.py, without the compiled parts of its package."""
    package = types.ModuleType("alone")
    package.__path__ = []
    vision = types.ModuleType("alone.vision")
    vision.VisionDataset = object
    sys.modules.update({"alone": package, "alone.vision": vision})
    path = next(f for f in importlib.metadata.files("torchvision")
                if str(f).endswith("torchvision/datasets/folder.py")).locate()
    spec = importlib.util.spec_from_file_location("alone.folder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def folders():
    module = folder_module()
    for name, files in FOLDERS.items():
        with tempfile.TemporaryDirectory() as root:
            for file in files:
                path = pathlib.Path(root, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
            classes, numbers = module.find_classes(root)
            listed = module.make_dataset(root, numbers, extensions=module.IMG_EXTENSIONS)
            samples = [[str(pathlib.Path(p).relative_to(root)), label] for p, label in listed]
            yield {"name": name, "files": files, "classes": classes, "samples": samples}


def main():
    fixture = {
        "made_by": "scripts/reference/datasets.py",
        "versions": {name: importlib.metadata.version(name) for name in ("webdataset", "torchvision")},
        "shards": list(shards()), "folders": list(folders()),
    }
    text = json.dumps(fixture, indent=0, ensure_ascii=False, separators=(",", ":")) + "\n"
    if "--check" in sys.argv:
        same = TARGET.read_text() == text
        print("same" if same else f"{TARGET.name} differs from what this run makes")
        sys.exit(0 if same else 1)
    TARGET.write_text(text)
    print(f"{TARGET.name}: {len(text)} bytes")


main()
