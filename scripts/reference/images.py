#!/usr/bin/env python3
"""Writes Tests/Fixtures/images.json: image files and the pixels that Pillow makes of them.

Contents: a PNG of each bit depth, colour type and interlace method, with tRNS, gamma and sizes of
one pixel; JPEG of each subsampling, gray, progressive, of odd size, with restart markers, with an
EXIF orientation (which convert("RGB") ignores), stored as RGB, CMYK and YCCK with and without Adobe's
mark; WebP lossy and lossless, with alpha, metadata, several frames; resizes with each filter.
Pixels are those of Image.open(file).convert("RGB"), bytes as hexadecimal text.

Made with CPython 3.11, Pillow 13.0.0 (libwebp 1.6.0), numpy 2.4.6 on 2026-11-30, seed 20240429.
4:4:0, 4:1:1 and YCCK, which Pillow cannot write, are compressed by libturbojpeg 2.1.5.
Command: python scripts/reference/images.py (with --check: compare with the committed file).
"""

import ctypes
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image

TARGET = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "images.json"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
NAMES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray+alpha", 6: "rgb+alpha"}
# x start, y start, x step, y step of the seven passes of Adam7.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(samples, depth):
    """Scan lines of samples [h, w, c], each behind filter byte 0."""
    result = b""
    for line in samples:
        flat = line.reshape(-1)
        if depth == 16:
            packed = flat.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            packed = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        result += b"\0" + packed
    return result


def png(samples, depth, kind, interlace, extra=b""):
    height, width, _ = samples.shape
    if interlace:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES]
        data = b"".join(rows(p, depth) for p in parts if p.size)
    else:
        data = rows(samples, depth)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
            + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def row(name, data, **more):
    pixels = decoded(data)
    return {"name": name, "file": data.hex(), "width": pixels.shape[1], "height": pixels.shape[0],
            "rgb": pixels.tobytes().hex(), **more}


def png_rows(random):
    result = []
    palette = random.integers(0, 256, (256, 3), dtype=np.uint8)

    def add(name, width, height, depth, kind, interlace, extra=b""):
        samples = random.integers(0, 1 << depth, (height, width, CHANNELS[kind]))
        if depth == 16:
            # Both halves of the range matter: gray is clipped at 255.
            low = random.random(samples.shape) < 0.3
            samples = np.where(low, samples % 300, samples)
        chunks = extra
        if kind == 3:
            chunks = chunk(b"PLTE", palette[:1 << depth].tobytes()) + chunks
        more = {}
        if depth == 16:
            three = samples[..., :3] if kind in (2, 6) else np.repeat(samples[..., :1], 3, 2)
            more["full"] = three.astype(">u2").tobytes().hex()
        result.append(row(name, png(samples, depth, kind, interlace, chunks), **more))

    for kind, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)),
                         (6, (8, 16))):
        for depth in depths:
            for interlace in (0, 1):
                way = ", interlaced" if interlace else ""
                add(f"{NAMES[kind]} {depth}{way}", 9, 7, depth, kind, interlace)
    for width, height in ((1, 1), (1, 5), (5, 1), (2, 3)):
        add(f"{width} x {height} interlaced", width, height, 8, 2, 1)
        add(f"{width} x {height} one bit interlaced", width, height, 1, 0, 1)
    add("palette with tRNS", 6, 4, 4, 3, 0, chunk(b"tRNS", bytes(range(0, 160, 10))))
    add("palette 1 bit with tRNS, interlaced", 6, 4, 1, 3, 1, chunk(b"tRNS", bytes([0, 128])))
    add("gray 8 with tRNS", 6, 4, 8, 0, 0, chunk(b"tRNS", struct.pack(">H", 17)))
    add("gray 16 with tRNS", 6, 4, 16, 0, 0, chunk(b"tRNS", struct.pack(">H", 17)))
    add("rgb 8 with tRNS", 6, 4, 8, 2, 0, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    add("rgb 16 with gamma", 6, 4, 16, 2, 0, chunk(b"gAMA", struct.pack(">I", 100000)))
    add("gray+alpha with sRGB", 6, 4, 8, 4, 0, chunk(b"sRGB", b"\0"))
    return result


def jpeg_rows(random):
    def picture(width, height):
        noise = random.integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)

    result = []
    for name, size, options in (
            ("4:4:4", (17, 13), {"subsampling": 0}), ("4:2:2", (17, 13), {"subsampling": 1}),
            ("4:2:0", (17, 13), {"subsampling": 2}), ("4:2:0 whole blocks", (32, 16), {}),
            ("4:2:0 progressive", (19, 11), {"progressive": True}),
            ("4:4:4 progressive", (9, 23), {"progressive": True, "subsampling": 0}),
            ("4:2:0 quality 40", (21, 15), {"quality": 40}),
            ("4:2:2 one row", (15, 1), {"subsampling": 1}),
            ("4:2:0 one column", (1, 15), {"subsampling": 2}),
            ("restart markers", (33, 17), {"restart_marker_blocks": 1})):
        out = io.BytesIO()
        picture(*size).save(out, "JPEG", **{"quality": 85, "optimize": True, **options})
        result.append(row(name, out.getvalue()))
    for name, size, options in (("gray", (17, 13), {}), ("gray progressive", (8, 9),
                                                        {"progressive": True})):
        out = io.BytesIO()
        picture(*size).convert("L").save(out, "JPEG", quality=85, optimize=True, **options)
        result.append(row(name, out.getvalue()))
    return result


def turbo_jpeg(pixels, subsampling, kind=0):
    """Compressed by TurboJPEG's tjCompress2: subsampling 0 is 4:4:4, 2 is 4:2:0, 4 is 4:4:0, 5 is 4:1:1;
    kind 0 is RGB, 11 is CMYK, which it stores as YCCK."""
    library = ctypes.CDLL("libturbojpeg.so.0")
    library.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitCompress())
    target, size = ctypes.c_void_p(), ctypes.c_ulong()
    height, width, _ = pixels.shape
    assert library.tjCompress2(
        handle, pixels.tobytes(), width, 0, height, kind, ctypes.byref(target), ctypes.byref(size),
        subsampling, 85, 0) == 0
    data = ctypes.string_at(target, size.value)
    library.tjFree(target)
    library.tjDestroy(handle)
    return data


def more_jpeg_rows(random):
    def picture(width, height):
        noise = random.integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)

    def orientation(value):
        exif = Image.Exif()
        exif[0x0112] = value
        return exif.tobytes()

    result = []
    for name, size, options in (
            ("EXIF orientation 6", (14, 9), {"exif": orientation(6)}),
            ("EXIF orientation 3, progressive", (7, 10),
             {"exif": orientation(3), "progressive": True}),
            ("4:2:0, 2 x 2", (2, 2), {}), ("4:2:0, 3 x 5", (3, 5), {}),
            ("4:2:2, 2 x 3", (2, 3), {"subsampling": 1}),
            ("progressive with restart markers", (18, 17),
             {"progressive": True, "restart_marker_rows": 1}),
            ("4:2:2 progressive", (13, 11), {"progressive": True, "subsampling": 1}),
            ("quality 5", (16, 9), {"quality": 5}),
            ("RGB", (9, 11), {"keep_rgb": True, "subsampling": 0})):
        out = io.BytesIO()
        picture(*size).save(out, "JPEG", **{"quality": 85, "optimize": True, **options})
        result.append(row(name, out.getvalue()))
    for name, subsampling in (("4:4:0", 4), ("4:1:1", 5)):
        result.append(row(name, turbo_jpeg(np.asarray(picture(19, 13)), subsampling)))
    return result


def without_adobe(data):
    """The same JPEG without its APP14 segment."""
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def cmyk_rows(random):
    noise = random.integers(0, 256, (8, 8, 4), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise, "CMYK").save(out, "JPEG", quality=50, optimize=True)
    return [row("CMYK", out.getvalue())]


def more_cmyk_rows(random):
    def ink(width, height):
        noise = random.integers(0, 256, (height // 3 + 2, width // 3 + 2, 4), dtype=np.uint8)
        return Image.fromarray(noise, "CMYK").resize((width, height), Image.Resampling.BICUBIC)

    result = []
    for name, size, options in (
            ("CMYK 4:4:4", (17, 11), {"subsampling": 0}), ("CMYK progressive", (9, 13),
                                                           {"progressive": True})):
        out = io.BytesIO()
        ink(*size).save(out, "JPEG", **{"quality": 85, "optimize": True, **options})
        result.append(row(name, out.getvalue()))
        result.append(row(name + ", no Adobe mark", without_adobe(out.getvalue())))
    for name, subsampling in (("YCCK 4:4:4", 0), ("YCCK 4:2:0", 2)):
        data = turbo_jpeg(np.asarray(ink(19, 13)), subsampling, kind=11)
        result.append(row(name, data))
    # TurboJPEG has no name for these: colour at a part of the resolution beside black at the full one or not.
    random = np.random.default_rng(20261130)
    for name, options in (("CMYK 4:2:0", {"subsampling": 2}), ("CMYK 4:2:2", {"subsampling": 1}),
                          ("CMYK 4:2:0 progressive", {"subsampling": 2, "progressive": True})):
        out = io.BytesIO()
        ink(19, 13).save(out, "JPEG", **{"quality": 85, "optimize": True, **options})
        result.append(row(name, out.getvalue()))
        result.append(row(name + ", no Adobe mark", without_adobe(out.getvalue())))
    for factors in ([(4, 1), (1, 1), (2, 1)], [(3, 1), (1, 1), (1, 1)], [(1, 1), (2, 2), (2, 2)], [(1, 4), (1, 2), (1, 1)],
                    [(2, 2), (1, 1), (2, 1), (1, 2)], [(2, 2)]):
        name = "factors " + " ".join(f"{h}x{v}" for h, v in factors)
        result.append(row(name, flat_blocks(37, 29, factors, random)))
    return result


def flat_blocks(width, height, factors, random):
    """A JPEG of blocks of one value each with any sampling factors (h, v) of its components."""
    def segment(mark, body):
        return struct.pack(">BBH", 0xFF, mark, len(body) + 2) + body

    # One component alone is not interleaved: its factors say nothing.
    units = factors if len(factors) > 1 else [(1, 1)]
    wide, high = max(h for h, _ in units), max(v for _, v in units)
    bits = ""
    before = [0] * len(factors)
    for _ in range(-(-width // (8 * wide)) * -(-height // (8 * high))):
        for place, (h, v) in enumerate(units):
            for _ in range(h * v):
                value = int(random.integers(-100, 100))
                step, before[place] = value - before[place], value
                size = abs(step).bit_length()
                bits += f"{size:04b}"
                if size:
                    bits += f"{step if step > 0 else step + (1 << size) - 1:0{size}b}"
                bits += "0"
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    count = len(factors)
    return (b"\xff\xd8" + segment(0xDB, b"\0" + b"\x08" * 64)
            + segment(0xC0, struct.pack(">BHHB", 8, height, width, count)
                      + b"".join(bytes([i + 1, h << 4 | v, 0]) for i, (h, v) in enumerate(factors)))
            + segment(0xC4, b"\0" + bytes([0, 0, 0, 9] + [0] * 12) + bytes(range(9)))
            + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
            + segment(0xDA, bytes([count]) + b"".join(bytes([i + 1, 0]) for i in range(count)) + b"\0\x3f\0")
            + scan + b"\xff\xd9")


def webp_rows(random):
    def picture(width, height, channels=3):
        noise = random.integers(0, 256, (height // 3 + 2, width // 3 + 2, channels), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)

    result = []
    for name, size, channels, options in (
            ("lossy", (17, 13), 3, {}), ("lossy, quality 20", (32, 16), 3, {"quality": 20}),
            ("lossy, one row", (15, 1), 3, {}), ("lossy, one column", (1, 15), 3, {}),
            ("lossy, 1 x 1", (1, 1), 3, {}), ("lossy, 2 x 2", (2, 2), 3, {}),
            ("lossy, larger", (67, 45), 3, {"quality": 75, "method": 6}),
            ("lossy with alpha", (21, 9), 4, {}), ("lossy with exact alpha", (21, 9), 4,
                                                  {"exact": True}),
            ("lossless", (17, 13), 3, {"lossless": True}),
            ("lossless with alpha", (14, 11), 4, {"lossless": True}),
            ("lossless with exact alpha", (14, 11), 4, {"lossless": True, "exact": True}),
            ("lossless, quality 100, method 6", (40, 30), 3,
             {"lossless": True, "quality": 100, "method": 6}),
            ("lossy with EXIF and a profile", (13, 17), 3,
             {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0", "icc_profile": b"x" * 20})):
        out = io.BytesIO()
        picture(*size, channels).save(out, "WEBP", **options)
        result.append(row(name, out.getvalue()))
    palette = Image.fromarray(random.integers(0, 4, (9, 8), dtype=np.uint8), "P")
    palette.putpalette(random.integers(0, 256, 12, dtype=np.uint8).tobytes())
    out = io.BytesIO()
    palette.convert("RGB").save(out, "WEBP", lossless=True)
    result.append(row("lossless, four colours", out.getvalue()))
    for name, channels, options in (
            ("animation, lossy", 3, {}), ("animation, lossless", 3, {"lossless": True}),
            ("animation with alpha", 4, {"lossless": True, "exact": True}),
            ("animation, small", 4, {"minimize_size": True, "allow_mixed": True})):
        frames = [picture(12, 10, channels) for _ in range(3)]
        out = io.BytesIO()
        frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=40, **options)
        result.append(row(name, out.getvalue()))
    # A first frame that does not cover the canvas.
    frame = io.BytesIO()
    picture(6, 4).save(frame, "WEBP", lossless=True)
    image = frame.getvalue()[12:]
    box = lambda at: struct.pack("<I", at)[:3]
    part = box(1) + box(2) + box(5) + box(3) + box(40) + b"\0" + image
    body = (b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + box(9) + box(8)
            + b"ANIM" + struct.pack("<I", 6) + b"\x10\x20\x30\xff\0\0")
    body += 2 * (b"ANMF" + struct.pack("<I", len(part)) + part)
    result.append(row("animation, first frame smaller",
                      b"RIFF" + struct.pack("<I", len(body)) + body))
    return result


def resize_rows(random):
    sources, result = [], []
    # Random noise is the hardest case; 0 and 255 make the clipping work.
    for width, height in ((13, 9), (1, 1), (1, 40), (40, 1), (70, 3), (5, 64)):
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        pixels[random.random((height, width)) < 0.2] = 255
        pixels[random.random((height, width)) < 0.2] = 0
        sources.append({"width": width, "height": height, "rgb": pixels.tobytes().hex()})
        image = Image.fromarray(pixels)
        sizes = [(max(1, width // 2), max(1, height // 2)), (1, 1), (7, 7), (3, 17)]
        if (width, height) == (13, 9):
            sizes += [(26, 18), (16, 9), (13, 14), (12, 9), (13, 7), (14, 10), (14, 5), (8, 8)]
        for size in sorted(set(sizes) - {(width, height)}):
            for filter in ("bicubic", "bilinear", "nearest"):
                made = image.resize(size, getattr(Image.Resampling, filter.upper()))
                result.append({"source": len(sources) - 1, "width": size[0], "height": size[1],
                               "filter": filter, "rgb": np.asarray(made).tobytes().hex()})
    return {"sources": sources, "cases": result}


def main():
    random = np.random.default_rng(20240429)
    fixture = {
        "made_by": "scripts/reference/images.py",
        "versions": {"python": sys.version.split()[0], "pillow": PIL.__version__,
                     "numpy": np.__version__},
        "seed": 20240429,
        "png": png_rows(random), "jpeg": jpeg_rows(random),
    }
    cmyk = cmyk_rows(random)
    fixture["resize"] = resize_rows(random)
    # Drawn last, and apart, so that the rows above stay as they were.
    fixture["jpeg"] += more_jpeg_rows(np.random.default_rng(20240430)) + cmyk
    fixture["jpeg"] += more_cmyk_rows(np.random.default_rng(20240431))
    fixture["webp"] = webp_rows(np.random.default_rng(20240432))
    text = json.dumps(fixture, indent=0, separators=(",", ":")) + "\n"
    if "--check" in sys.argv:
        same = TARGET.read_text() == text
        print("same" if same else f"{TARGET.name} differs from what this run makes")
        sys.exit(0 if same else 1)
    TARGET.write_text(text)
    print(f"{TARGET.name}: {len(text)} bytes")


main()
