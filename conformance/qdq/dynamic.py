"""Integer operators without an output scale, and weights quantized ahead with activations quantized on the fly."""

import numpy as np

from . import contract
from .case import FLOAT32, Case, integer
from .conv import Spec
from .graph import Graph
from .tensors import QTensor, Quant, random_activation, random_weight, rng_of

SHAPES = [((3, 5), (5, 4)), ((1, 64), (64, 17)), ((2, 3, 17), (17, 33)), ((2, 2, 9), (2, 9, 5))]
CONVS = [
    Spec("1x1_c17_5", (1, 17, 3, 3), 5, (1, 1)),
    Spec("3x3_pads_c3_5", (1, 3, 5, 5), 5, (3, 3), pads=(1, 1, 1, 1)),
    Spec("3x3_s2_c5_3", (1, 5, 6, 6), 3, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1)),
    Spec("dw_3x3_c16", (1, 16, 4, 4), 16, (3, 3), pads=(1, 1, 1, 1), group=16),
]


def cases():
    for act, other in (("u8", "i8"), ("u8", "u8"), ("i8", "i8"), ("i8", "u8")):
        for shapes in SHAPES:
            yield matmul_integer(shapes, act, other, False)
        yield matmul_integer(SHAPES[1], act, other, True)
        yield matmul_integer_without_zero(act, other)
    for spec in CONVS:
        yield conv_integer(spec, "u8", "u8")
        yield conv_integer(spec, "u8", "i8")
    for weights in ("i8", "u8"):
        for per_channel in (False, True):
            for shapes in SHAPES[:3]:
                yield dynamic_linear(shapes, weights, per_channel)
    for label in RANGES:
        yield dynamic_quantize(label)


def matmul_integer(shapes, act, other, per_column):
    """int32 results; with `per_column` each column of the second operand has its own zero point."""
    size = "_by_".join("x".join(map(str, shape)) for shape in shapes)
    name = f"matmulinteger_{size}{'_per_column' if per_column else ''}_{act}_{other}"
    rng = rng_of(name)
    a, b = random_activation(rng, shapes[0], act), random_activation(rng, shapes[1], other)
    zeros = rng.randint(b.quant.low, b.quant.high + 1, shapes[1][-1]) if per_column else np.array(b.quant.zero)
    return matmul_integer_of(name, a, b.data, zeros)


def matmul_integer_of(name, a, b, zeros, category="dynamic"):
    """An activation by constant weights `b` with one zero point, or one for each column."""
    graph = Graph()
    inputs = [graph.raw_input(a.data), graph.constant(b), graph.constant(a.quant.zero_array),
              graph.constant(zeros.astype(b.dtype))]
    graph.output(graph.node("MatMulInteger", inputs), np.int32)
    exact = np.matmul(a.centered, b.astype(np.int64) - zeros).astype(np.int32)
    return integer(name, "MatMulInteger", category, graph, exact)


def matmul_integer_without_zero(act, other):
    name = f"matmulinteger_no_zero_points_{act}_{other}"
    rng = rng_of(name)
    a, b = random_activation(rng, (2, 31), act), random_activation(rng, (31, 3), other)
    graph = Graph()
    graph.output(graph.node("MatMulInteger", [graph.raw_input(a.data), graph.constant(b.data)]), np.int32)
    exact = (a.data.astype(np.int64) @ b.data.astype(np.int64)).astype(np.int32)
    return integer(name, "MatMulInteger", "dynamic", graph, exact)


def conv_integer(spec, act, weights):
    name = f"convinteger_{spec.label}_{act}_w{weights}"
    rng = rng_of(name)
    x = random_activation(rng, spec.shape, act)
    w = random_weight(rng, spec.weight_shape, weights, False)
    graph = Graph()
    inputs = [graph.raw_input(x.data), graph.constant(w.data), graph.constant(x.quant.zero_array),
              graph.constant(w.zero_array)]
    graph.output(graph.node("ConvInteger", inputs, **spec.attributes()), np.int32)
    exact = contract.conv(x.centered, w.centered, spec.steps, spec.holes, spec.borders, spec.group)
    return integer(name, "ConvInteger", "dynamic", graph, exact.astype(np.int32))


# --- DynamicQuantizeLinear -------------------------------------------------------------------------------------------

def dynamic_parameters(x):
    """Scale and zero point as the operator defines them, in float32."""
    low, high = min(np.float32(0), x.min()), max(np.float32(0), x.max())
    scale = np.float32(high - low) / np.float32(255)
    zero = np.rint(np.clip(np.float32(0) - low / scale, 0, 255)) if scale else 0
    return Quant(np.dtype(np.uint8), scale, int(zero))


def dynamic_tensor(x):
    """Quantize in float32 by division, ties to even."""
    quant = dynamic_parameters(x)
    return QTensor(contract.clamp(np.rint(x / quant.scale), quant), quant)


def dynamic_linear(shapes, weights, per_channel):
    """DynamicQuantizeLinear, MatMulInteger, Cast, Mul by the scales, Add of a float bias."""
    size = "_by_".join("x".join(map(str, shape)) for shape in shapes)
    name = f"dynamic_linear_{size}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = rng.normal(0.3, 1.7, shapes[0]).astype(np.float32)
    w = random_weight(rng, shapes[1], weights, per_channel, axis=1)
    bias = rng.normal(0, 1, shapes[1][1]).astype(np.float32)
    graph = Graph()
    q, scale, zero = graph.nodes("DynamicQuantizeLinear", [graph.raw_input(x)], 3)
    acc = graph.node("MatMulInteger", [q, graph.constant(w.data), zero, graph.constant(w.zero_array)])
    factor = graph.node("Mul", [scale, graph.constant(w.scale)])
    scaled = graph.node("Mul", [graph.node("Cast", [acc], to=1), factor])
    graph.output(graph.node("Add", [scaled, graph.floats(bias)]), np.float32)
    return Case(name, "MatMulInteger", "dynamic", graph, [linear_answer(x, w, bias)], FLOAT32)


def linear_answer(x, w, bias):
    quantized = dynamic_tensor(x)
    acc = quantized.centered @ w.centered
    return acc.astype(np.float32) * (quantized.quant.scale * w.scale) + bias


RANGES = {"both_signs": (-3.1, 2.7), "positive": (0.2, 5.0), "negative": (-4.0, -0.7), "zeros": (0.0, 0.0)}


def dynamic_quantize(label):
    """The three outputs of DynamicQuantizeLinear: values, scale and zero point."""
    name = f"dynamicquantizelinear_{label}"
    rng = rng_of(name)
    x = rng.uniform(*RANGES[label], (2, 33)).astype(np.float32)
    graph = Graph()
    for value, dtype in zip(graph.nodes("DynamicQuantizeLinear", [graph.raw_input(x)], 3),
                            (np.uint8, np.float32, np.uint8)):
        graph.output(value, dtype)
    if label == "zeros":
        return Case(name, "DynamicQuantizeLinear", "dynamic", graph)
    tensor = dynamic_tensor(x)
    return integer(name, "DynamicQuantizeLinear", "dynamic", graph, tensor.data, tensor.quant.scale,
                   tensor.quant.zero_array)
