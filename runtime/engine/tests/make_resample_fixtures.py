#!/usr/bin/env python3
"""Writes what Pillow makes of synthetic pictures and photographs: the oracle of tests/resample.rs.

    pip install pillow==12.3.0 numpy && python runtime/engine/tests/make_resample_fixtures.py

fixtures/resample.txt has one line for each case; fixtures/resample.bin has the expected bytes of the cases whose
last word is `bytes`, one after the other (of the others only the FNV-1a hash is kept). The pipeline is that of
torchvision on PIL images: convert the colours, resize, crop the centre. Frozen: run it again only to add cases,
and look at the diff; a changed hash in an old line means that Pillow changed, or its build (a compiler that fuses
multiply and add may round weights differently; the reference is the x86-64 wheel).

Pillow stays pinned below 13: 13.0.0 resizes vertically first where that is less work, which moves bytes by a level
(docs/adr/0003-own-image-resampling.md).
"""

import pathlib

import numpy as np
import PIL
from PIL import Image

PILLOW = "12.3.0"
HERE = pathlib.Path(__file__).resolve().parent
PICTURES = HERE.parents[2] / "models" / "pictures"
FIXTURES = HERE / "fixtures"
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
CHANNELS = {"gray8": 1, "rgb8": 3, "rgba8": 4}
MODES = {"gray8": "L", "rgb8": "RGB", "rgba8": "RGBA"}



def photograph(name):
    """Where a photograph lies: with the models' examples, or with the tests."""
    return next(path for path in (PICTURES / name, FIXTURES / name) if path.exists())


def noise(width, height, channels):
    """Splitmix64 seeded with the picture's size, its outputs as little-endian bytes."""
    count = width * height * channels
    with np.errstate(over="ignore"):
        step = np.uint64(0x9E3779B97F4A7C15)
        seed = np.uint64(width << 32 | height << 8 | channels)
        z = seed + step * np.arange(1, (count + 7) // 8 + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z.astype("<u8").view(np.uint8)[:count].reshape(height, width, channels)


def gradient(width, height, channels):
    y, x, c = np.ogrid[:height, :width, :channels]
    return (255 * x // width + 255 * y // height * (c + 1) // 4 & 255).astype(np.uint8)


def checker(width, height, channels):
    y, x, c = np.ogrid[:height, :width, :channels]
    return ((x // 3 + y // 2 + c & 1) * 255).astype(np.uint8)


PATTERNS = {"noise": noise, "gradient": gradient, "checker": checker}


def picture(source, form, width, height):
    if source in PATTERNS:
        data = PATTERNS[source](width, height, CHANNELS[form])
        return Image.fromarray(data[:, :, 0] if form == "gray8" else data, MODES[form])
    with Image.open(photograph(source)) as image:
        assert image.mode == MODES[form] and image.size == (width, height), source
        return image.copy()


def prepare(image, color, filt, fit, width, height):
    image = image.convert("L" if color == "gray" else "RGB")
    if fit == "squeeze":
        return image.resize((width, height), FILTERS[filt])
    permille, side = int(fit), max(width, height)
    short = (side * 1000 + permille // 2) // permille
    w, h = image.size
    size = (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
    left, top = (int(round((have - want) / 2.0)) for have, want in zip(size, (width, height)))
    return image.resize(size, FILTERS[filt]).crop((left, top, left + width, top + height))


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


# source, format, size, colour, filter, fit, tensor size, whether bytes are kept
def cases():
    pairs = [
        ((32, 32), (32, 32)), ((1, 1), (1, 1)), ((1, 1), (7, 5)), ((2, 2), (3, 3)), ((3, 2), (2, 3)),
        ((1, 64), (9, 9)), ((64, 1), (9, 9)), ((1, 300), (1, 7)), ((300, 1), (7, 1)), ((5, 7), (1, 1)),
        ((10, 10), (30, 20)), ((17, 13), (40, 40)), ((31, 29), (32, 32)), ((33, 35), (32, 32)),
        ((64, 48), (32, 32)), ((96, 96), (32, 48)), ((100, 75), (33, 19)), ((127, 131), (16, 16)),
        ((320, 240), (24, 24)), ((241, 500), (15, 40)), ((1000, 3), (20, 20)), ((3, 300), (20, 20)),
        ((48, 48), (48, 20)), ((48, 48), (20, 48)),
    ]
    for source in PATTERNS:
        for size, target in pairs:
            for filt in FILTERS:
                yield source, "rgb8", size, "rgb", filt, "squeeze", target, source == "noise"
            yield source, "gray8", size, "gray", "bilinear", "squeeze", target, False
    for form in CHANNELS:
        for color in ("gray", "rgb"):
            for size in ((64, 48), (47, 31)):
                yield "noise", form, size, color, "bilinear", "squeeze", (20, 24), True
    for size in ((451, 300), (300, 451), (96, 96), (37, 400), (110, 111), (20, 21)):
        for fit in ("875", "1000", "250", "960"):
            for target in ((32, 32), (31, 20)):
                for filt in FILTERS:
                    yield "noise", "rgb8", size, "rgb", filt, fit, target, False
    for size, target in (((4032, 3024), (224, 224)), ((3024, 4032), (96, 96)), ((1920, 1080), (300, 260))):
        for filt in FILTERS:
            for fit in ("875", "squeeze"):
                yield "noise", "rgba8", size, "rgb", filt, fit, target, False
    # Decoders of JPEG differ by a level here and there: those cases keep their bytes, to be compared with tolerance.
    photographs = {"chelsea.png": "rgb8", "coffee.png": "rgb8", "horse.png": "rgba8", "rocket.jpg": "rgb8"}
    for source, form in photographs.items():
        with Image.open(photograph(source)) as image:
            size = image.size
        lossy = source.endswith("jpg")
        for side in (32, 96) if lossy else (32, 96, 224):
            for fit in ("875", "squeeze"):
                yield source, form, size, "rgb", "bilinear", fit, (side, side), lossy
        if not lossy:
            yield source, form, size, "rgb", "bicubic", "875", (224, 224), False
            yield source, form, size, "gray", "bilinear", "875", (96, 96), False


def main():
    assert PIL.__version__ == PILLOW, f"the fixtures are Pillow {PILLOW}'s, this is {PIL.__version__}"
    lines = ["# source format width height colour filter fit tensor-width tensor-height fnv1a-64 [bytes]"]
    kept = bytearray()
    for source, form, size, color, filt, fit, target, keep in cases():
        made = prepare(picture(source, form, *size), color, filt, fit, *target)
        assert made.size == target
        data = made.tobytes()
        words = [source, form, *size, color, filt, fit, *target, f"{fnv1a(data):016x}"] + ["bytes"] * keep
        lines.append(" ".join(map(str, words)))
        kept += data * keep
    fixtures = HERE / "fixtures"
    fixtures.mkdir(exist_ok=True)
    (fixtures / "resample.txt").write_text("\n".join(lines) + "\n")
    (fixtures / "resample.bin").write_bytes(kept)


if __name__ == "__main__":
    main()
