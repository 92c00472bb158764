"""Resize by the nearest neighbour and by linear interpolation."""

from dataclasses import dataclass

import numpy as np

from . import contract
from .case import by_float64, integer
from .graph import Graph
from .tensors import QTensor, fitted, random_activation, rng_of


@dataclass(frozen=True)
class Resize:
    """Input size, output size, and the coordinate rules."""

    label: str
    size: tuple
    target: tuple
    transform: str
    nearest: str = ""
    by_sizes: bool = False


NEAREST = [
    Resize("up2_asymmetric_floor", (3, 4), (6, 8), "asymmetric", "floor"),
    Resize("up2_half_pixel", (3, 4), (6, 8), "half_pixel", "round_prefer_floor"),
    Resize("up3_asymmetric_floor", (2, 3), (6, 9), "asymmetric", "floor"),
    Resize("down2_asymmetric_floor", (6, 8), (3, 4), "asymmetric", "floor"),
    Resize("down2_half_pixel", (6, 8), (3, 4), "half_pixel", "round_prefer_floor"),
    Resize("sizes_half_pixel_ceil", (4, 4), (6, 6), "half_pixel", "round_prefer_ceil", True),
    Resize("sizes_align_corners", (3, 5), (5, 9), "align_corners", "round_prefer_floor", True),
]
LINEAR = [
    Resize("up2_half_pixel", (3, 4), (6, 8), "half_pixel"),
    Resize("up2_asymmetric", (3, 4), (6, 8), "asymmetric"),
    Resize("up_align_corners", (3, 3), (5, 7), "align_corners", "", True),
    Resize("down2_half_pixel", (6, 8), (3, 4), "half_pixel"),
    Resize("sizes_pytorch_half_pixel", (4, 5), (7, 9), "pytorch_half_pixel", "", True),
    Resize("one_pixel", (1, 1), (4, 4), "half_pixel"),
]


def cases():
    for act in ("i8", "u8"):
        for spec in NEAREST:
            yield nearest(spec, act)
        for spec in LINEAR:
            yield linear(spec, act)


def resized(spec, x, mode, quant):
    graph = Graph(21)
    inputs = [graph.activation(x), ""]
    if spec.by_sizes:
        inputs += ["", graph.ints([*x.data.shape[:2], *spec.target])]
    else:
        inputs.append(graph.floats([1, 1, *(t / s for t, s in zip(spec.target, spec.size))]))
    attributes = {"mode": mode, "coordinate_transformation_mode": spec.transform}
    if spec.nearest:
        attributes["nearest_mode"] = spec.nearest
    graph.quantized_output(graph.node("Resize", inputs, **attributes), quant)
    return graph


def nearest(spec, act):
    name = f"resize_nearest_{spec.label}_{act}"
    x = random_activation(rng_of(name), (1, 3, *spec.size), act)
    rows, columns = (picks(n, t, spec) for n, t in zip(spec.size, spec.target))
    picked = QTensor(x.data[:, :, rows][:, :, :, columns], x.quant)
    return integer(name, "Resize", "resize", resized(spec, x, "nearest", x.quant), contract.convert(picked, x.quant))


def picks(size, target, spec):
    """Source indices along one axis."""
    places = coordinates(size, target, spec.transform)
    rounded = {
        "floor": np.floor, "ceil": np.ceil,
        "round_prefer_floor": lambda v: np.ceil(v - 0.5), "round_prefer_ceil": lambda v: np.floor(v + 0.5),
    }[spec.nearest](places)
    return np.clip(rounded, 0, size - 1).astype(int)


def coordinates(size, target, transform):
    """Source coordinates of the target's pixels."""
    index, scale = np.arange(target, dtype=np.float64), target / size
    if transform == "asymmetric":
        return index / scale
    if transform == "align_corners":
        return index * (size - 1) / (target - 1) if target > 1 else index * 0
    if transform == "pytorch_half_pixel" and target == 1:
        return index * 0
    return (index + 0.5) / scale - 0.5


def linear(spec, act):
    name = f"resize_linear_{spec.label}_{act}"
    x = random_activation(rng_of(name), (1, 3, *spec.size), act)
    rows, columns = (weights(n, t, spec.transform) for n, t in zip(spec.size, spec.target))
    real = rows @ x.real @ columns.T
    quant = fitted(real, act)
    return by_float64(name, "Resize", "resize", resized(spec, x, "linear", quant), contract.quantize_real(real, quant))


def weights(size, target, transform):
    """The matrix [target, size] of interpolation weights along one axis."""
    places = np.clip(coordinates(size, target, transform), 0, size - 1)
    left = np.floor(places).astype(int)
    right = np.minimum(left + 1, size - 1)
    matrix = np.zeros((target, size))
    np.add.at(matrix, (np.arange(target), left), 1 - (places - left))
    np.add.at(matrix, (np.arange(target), right), places - left)
    return matrix
