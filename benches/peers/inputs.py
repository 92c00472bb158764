"""Inputs that are equal for every runtime and on every machine."""

import zlib
from pathlib import Path

import numpy as np

#: What image models see: an answer that a model is sure of can be compared.
PICTURE = Path(__file__).resolve().parents[2] / "models" / "pictures" / "chelsea.png"

TYPES = {1: "float32", 7: "int64"}


def specs(path):
    """Names, NumPy types and dimensions of an ONNX model's inputs; 0 stands for a dimension that isn't fixed."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    kinds = [value.type.tensor_type for value in inputs]
    dims = [[dim.dim_value for dim in kind.shape.dim] for kind in kinds]
    return [(value.name, TYPES[kind.elem_type], shape) for value, kind, shape in zip(inputs, kinds, dims)]


def make(specs, seed, length, grid):
    """An array for each input: token ids, masks of ones, smooth noise.

    Where `grid` is a scale, a zero point and an integer type, floats lie on the grid of that quantization, so that every runtime
    quantizes them to the same numbers, and what has three channels sees a photograph.
    """
    chance = np.random.default_rng(zlib.crc32(seed.encode()))
    return {name: _one(chance, name, kind, shape, length, grid) for name, kind, shape in specs}


def _one(chance, name, kind, shape, length, grid):
    shape = [dim or (1 if axis == 0 else length) for axis, dim in enumerate(shape)]
    if length and kind == "int64":
        shape[-1] = length
    if kind == "int64":
        if "mask" in name:
            return np.ones(shape, kind)
        return np.zeros(shape, kind) if "type" in name else chance.integers(1000, 25000, shape, dtype=kind)
    noise = _smooth(chance.standard_normal(shape, dtype=np.float32))
    if grid is None:
        return noise
    scale, zero, integer = grid
    pixels = _picture(shape) if len(shape) == 4 and shape[1] == 3 else np.clip(np.round(127.5 + 45 * noise), 0, 255)
    return ((pixels + np.iinfo(integer).min - zero) * np.float32(scale)).astype(np.float32)


def _picture(shape):
    """The photograph's middle, channels first."""
    from PIL import Image, ImageOps

    with Image.open(PICTURE) as image:
        pixels = np.asarray(ImageOps.fit(image.convert("RGB"), (shape[3], shape[2])), dtype=np.float32)
    return pixels.transpose(2, 0, 1)[np.newaxis]


def _smooth(noise):
    """Neighbours of a picture are alike."""
    if noise.ndim != 4:
        return noise
    for axis in (2, 3):
        for _ in range(3):
            noise = (noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)) / 3
    return (noise / max(float(noise.std()), 1e-6)).astype(np.float32)
