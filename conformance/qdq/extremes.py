"""Operands at the ends of their types, which saturating kernels get wrong, and rescaled values beyond int32."""

import numpy as np

from . import conv, dense, dynamic, qlinear
from .conv import Spec
from .tensors import DTYPES, QTensor, Quant, QWeight, random_activation, random_weight, rng_of

SPECS = [
    Spec("1x1_c64", (1, 64, 2, 2), 5, (1, 1)),
    Spec("3x3_c16", (1, 16, 4, 4), 3, (3, 3), pads=(1, 1, 1, 1)),
    Spec("5x5_c17", (1, 17, 5, 5), 2, (5, 5), pads=(2, 2, 2, 2), bias=False),
    Spec("dw_3x3_c17", (1, 17, 4, 4), 17, (3, 3), pads=(1, 1, 1, 1), group=17),
    Spec("dw_5x5_c16", (1, 16, 5, 5), 16, (5, 5), pads=(2, 2, 2, 2), group=16),
]
PATTERNS = ["high_high", "high_low", "low_high", "low_low", "stripes", "random"]


def cases():
    for act, weights in (("i8", "i8"), ("u8", "i8"), ("u8", "u8")):
        for pattern in PATTERNS:
            for spec in SPECS:
                yield extreme_conv(spec, pattern, act, weights)
            yield extreme_gemm(512, pattern, act, weights)
            yield extreme_gemm(33, pattern, act, weights)
            yield extreme_qlinear_conv(pattern, act, weights)
            yield extreme_matmul_integer(pattern, act, weights)
    for act in ("i8", "u8"):
        yield beyond_int32(act)
        yield all_rounded_away(act)


def extreme_conv(spec, pattern, act, weights):
    name = f"extreme_conv_{spec.label}_{pattern}_{act}_w{weights}"
    rng = rng_of(name)
    x = QTensor(ends(rng, spec.shape, act, pattern, 0), end_quant(pattern, act))
    w = extreme_weight(rng, spec.weight_shape, weights, pattern)
    return conv.build(name, spec, x, w, rng, category="extreme")


def extreme_gemm(depth, pattern, act, weights):
    name = f"extreme_gemm_k{depth}_{pattern}_{act}_w{weights}"
    rng = rng_of(name)
    x = QTensor(ends(rng, (2, depth), act, pattern, 0), end_quant(pattern, act))
    w = extreme_weight(rng, (3, depth), weights, pattern)
    return dense.gemm_of(name, x, w, True, "", rng, category="extreme")


def extreme_qlinear_conv(pattern, act, weights):
    name = f"extreme_qlinearconv_{pattern}_{act}_w{weights}"
    rng = rng_of(name)
    spec = SPECS[1]
    x = QTensor(ends(rng, spec.shape, act, pattern, 0), end_quant(pattern, act))
    w = extreme_weight(rng, spec.weight_shape, weights, pattern)
    return qlinear.qlinear_conv_of(name, spec, x, w, rng, "extreme")


def extreme_matmul_integer(pattern, act, weights):
    name = f"extreme_matmulinteger_{pattern}_{act}_w{weights}"
    rng = rng_of(name)
    a = QTensor(ends(rng, (2, 130), act, pattern, 0), end_quant(pattern, act))
    w = extreme_weight(rng, (130, 3), weights, pattern)
    return dynamic.matmul_integer_of(name, a, w.data, np.array(w.zero), "extreme")


def end_quant(pattern, act):
    """A zero point at the end away from the data makes the accumulators as large as they can be."""
    info = np.iinfo(DTYPES[act])
    zero = info.max if pattern.startswith("low") else info.min
    return Quant(DTYPES[act], np.float32(0.0213), int(zero))


def extreme_weight(rng, shape, kind, pattern):
    zero = 128 if kind == "u8" else 0
    zero += {"u8": -128 if pattern.endswith("high") else 127, "i8": 0}[kind] if pattern != "random" else 0
    return QWeight(ends(rng, shape, kind, pattern, 1), np.float32(0.0037), zero, 0)


def ends(rng, shape, kind, pattern, side):
    """Values that are all the type's lowest or highest; `side` says whether activations (0) or weights (1)."""
    info = np.iinfo(DTYPES[kind])
    if pattern == "random":
        return rng.choice([info.min, info.max], shape).astype(DTYPES[kind])
    if pattern == "stripes":
        flat = np.arange(int(np.prod(shape)))
        return np.where(flat // (2 * side + 2) % 2, info.min, info.max).reshape(shape).astype(DTYPES[kind])
    value = info.max if pattern.split("_")[side] == "high" else info.min
    return np.full(shape, value, DTYPES[kind])


TINY = Spec("1x1", (1, 16, 3, 3), 5, (1, 1))


def beyond_int32(act):
    """Rescaled accumulators beyond the int32 range: a conversion must clamp first."""
    name = f"extreme_rescaled_beyond_int32_{act}"
    rng = rng_of(name)
    x = random_activation(rng, TINY.shape, act)
    w = random_weight(rng, TINY.weight_shape)
    quant = Quant(DTYPES[act], np.float32(1e-9), 3)
    return conv.build(name, TINY, x, w, rng, quant, category="extreme")


def all_rounded_away(act):
    """An output scale so large that every result is the zero point."""
    name = f"extreme_all_rounded_away_{act}"
    rng = rng_of(name)
    x = random_activation(rng, TINY.shape, act)
    w = random_weight(rng, TINY.weight_shape)
    return conv.build(name, TINY, x, w, rng, Quant(DTYPES[act], np.float32(1e6), 77), category="extreme")
