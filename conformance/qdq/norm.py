"""Normalizations, which stay in float between dequantize and quantize."""

import numpy as np

from . import contract
from .case import by_float64
from .graph import Graph
from .tensors import QTensor, Quant, fitted, random_activation, rng_of

LAYER_SHAPES = [((1, 4, 16), -1), ((2, 33), -1), ((1, 3, 17), -1), ((1, 2, 128), -1), ((1, 3, 4, 5), 1), ((3, 1), -1)]


def cases():
    for act in ("i8", "u8"):
        for shape, axis in LAYER_SHAPES:
            yield layer_norm(shape, axis, act, "float")
        for shape, axis in LAYER_SHAPES[:3]:
            yield layer_norm(shape, axis, act, "quantized")
        yield layer_norm((2, 17), -1, act, "flat")
        yield written_out(act)
        yield batch_norm(act)
        yield instance_norm(act)


def normalized(x, axes, epsilon):
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def layer_norm(shape, axis, act, kind):
    """`kind`: scale and bias in float or quantized; or a flat input, whose variance is 0 but for the epsilon."""
    name = f"layernorm_{'x'.join(map(str, shape))}_axis{str(axis).replace('-', 'm')}_{kind}_{act}"
    rng = rng_of(name)
    x = random_activation(rng, shape, act)
    if kind == "flat":
        x = QTensor(np.full_like(x.data, x.quant.zero + 9), x.quant)
    axes = tuple(range(axis % len(shape), len(shape)))
    inner = tuple(shape[a] for a in axes)
    graph = Graph()
    parts = [parameter(graph, rng, inner, 0.02, 90, kind), parameter(graph, rng, inner, 0.01, 3, kind)]
    inputs = [graph.activation(x), *(value for value, _ in parts)]
    value = graph.node("LayerNormalization", inputs, axis=axis, epsilon=1e-5)
    real = normalized(x.real, axes, float(np.float32(1e-5))) * parts[0][1] + parts[1][1]
    return finished(name, "LayerNormalization", graph, value, real, act)


def parameter(graph, rng, shape, scale, zero, kind):
    """A scale or bias vector as an initializer: its name and its real values."""
    tensor = QTensor(rng.randint(-128, 128, shape).astype(np.int8), Quant(np.dtype(np.int8), np.float32(scale), -zero))
    if kind == "quantized":
        return graph.constant_activation(tensor), tensor.real
    values = tensor.real.astype(np.float32)
    return graph.floats(values), values.astype(np.float64)


def finished(name, op, graph, value, real, act):
    quant = fitted(real, act)
    graph.quantized_output(value, quant)
    return by_float64(name, op, "norm", graph, contract.quantize_real(real, quant))


def written_out(act):
    """Layer normalization as exporters before opset 17 wrote it."""
    name = f"layernorm_nodes_{act}"
    rng = rng_of(name)
    x = random_activation(rng, (1, 3, 17), act)
    gamma, beta = (rng.uniform(-2, 2, 17).astype(np.float32) for _ in range(2))
    graph = Graph()
    value = graph.activation(x)
    centered = graph.node("Sub", [value, graph.node("ReduceMean", [value], axes=[-1])])
    variance = graph.node("ReduceMean", [graph.node("Pow", [centered, graph.floats(2)])], axes=[-1])
    deviation = graph.node("Sqrt", [graph.node("Add", [variance, graph.floats(1e-5)])])
    unit = graph.node("Div", [centered, deviation])
    out = graph.node("Add", [graph.node("Mul", [unit, graph.floats(gamma)]), graph.floats(beta)])
    real = normalized(x.real, (2,), 1e-5) * gamma + beta
    return finished(name, "LayerNormalization", graph, out, real, act)


def batch_norm(act):
    name = f"batchnorm_{act}"
    rng = rng_of(name)
    x = random_activation(rng, (1, 17, 3, 3), act)
    gamma, beta, mean = (rng.uniform(-2, 2, 17).astype(np.float32) for _ in range(3))
    variance = rng.uniform(0.1, 3, 17).astype(np.float32)
    graph = Graph()
    parts = [graph.floats(part) for part in (gamma, beta, mean, variance)]
    value = graph.node("BatchNormalization", [graph.activation(x), *parts])
    g, b, m, v = (part.astype(np.float64).reshape(1, 17, 1, 1) for part in (gamma, beta, mean, variance))
    real = (x.real - m) / np.sqrt(v + float(np.float32(1e-5))) * g + b
    return finished(name, "BatchNormalization", graph, value, real, act)


def instance_norm(act):
    name = f"instancenorm_{act}"
    rng = rng_of(name)
    x = random_activation(rng, (2, 5, 4, 4), act)
    gamma, beta = (rng.uniform(-2, 2, 5).astype(np.float32) for _ in range(2))
    graph = Graph()
    value = graph.node("InstanceNormalization", [graph.activation(x), graph.floats(gamma), graph.floats(beta)])
    g, b = (part.astype(np.float64).reshape(1, 5, 1, 1) for part in (gamma, beta))
    return finished(name, "InstanceNormalization", graph, value, normalized(x.real, (2, 3), 1e-5) * g + b, act)
