"""Gemm and MatMul."""

import numpy as np

from . import contract
from .case import integer
from .conv import BOUNDS, activate
from .graph import Graph
from .tensors import fitted, random_activation, random_bias, random_weight, rng_of

SHAPES = [(1, 3, 5), (1, 16, 10), (2, 17, 33), (1, 64, 12), (3, 31, 17), (1, 130, 7), (5, 5, 1), (4, 1, 16), (7, 33, 3)]
BATCHED = [((2, 3, 17), 5), ((1, 5, 16), 33), ((2, 2, 3, 9), 4), ((1, 1, 31), 16)]
DYNAMIC = [
    ((3, 5), (5, 4)), ((1, 17), (17, 33)), ((2, 3, 16), (2, 16, 5)), ((2, 3, 7), (7, 5)), ((1, 3, 4, 9), (2, 1, 9, 5)),
    ((2, 2, 5, 33), (2, 2, 33, 5)), ((9,), (9, 4)), ((3, 9), (9,)),
]


def cases():
    for act in ("i8", "u8"):
        for per_channel in (False, True):
            yield from constant_operand(act, per_channel)
        for shapes in DYNAMIC:
            for other in ("i8", "u8"):
                yield dynamic(shapes, act, other)
    for m, k, n in SHAPES[:6]:
        yield gemm(m, k, n, "u8", "u8", False, True, "")
    for shape, n in BATCHED[:2]:
        yield matmul(shape, n, "u8", "u8", False)


def constant_operand(act, per_channel):
    for index, (m, k, n) in enumerate(SHAPES):
        after = ["", "relu", "relu6"][index % 3]
        yield gemm(m, k, n, act, "i8", per_channel, True, after)
        if index % 2 == 0:
            yield gemm(m, k, n, act, "i8", per_channel, False, after)
        if index % 2:
            yield matmul((m, k), n, act, "i8", per_channel)
    for shape, n in BATCHED:
        yield matmul(shape, n, act, "i8", per_channel)


def gemm(m, k, n, act, weights, per_channel, trans_b, after):
    """Gemm with a bias. With transB the weights are [n, k] and the channel axis is 0, else [k, n] and 1."""
    label = "transb" if trans_b else "plain"
    name = f"gemm_{label}_{m}x{k}x{n}{'_' + after if after else ''}_{act}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = random_activation(rng, (m, k), act)
    w = random_weight(rng, (n, k) if trans_b else (k, n), weights, per_channel, 0 if trans_b else 1)
    return gemm_of(name, x, w, trans_b, after, rng)


def gemm_of(name, x, w, trans_b, after, rng, quant=None, ties=False, category="dense"):
    acc = x.centered @ (w.centered.T if trans_b else w.centered)
    bias = random_bias(rng, acc.shape[1], np.abs(acc).mean())
    acc = acc + bias
    quant = quant or fitted(acc * np.float64(x.quant.scale) * w.scale.astype(np.float64), x.quant.dtype)
    graph = Graph()
    inputs = [graph.activation(x), graph.weight(w), graph.bias(bias, x.quant.scale * w.scale)]
    value = graph.node("Gemm", inputs, **({"transB": 1} if trans_b else {}))
    graph.quantized_output(activate(graph, value, after), quant)
    exact = contract.requantize(acc, contract.product_ratio(x.quant.scale, w.scale, quant.scale), quant)
    return integer(name, "Gemm", category, graph, contract.clip(exact, quant, *BOUNDS[after]), ties=ties)


def matmul(shape, n, act, weights, per_channel):
    """MatMul by constant weights [k, n], then an Add of a quantized bias when n is odd."""
    size = "x".join(map(str, shape))
    name = f"matmul_const_{size}_n{n}_{act}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = random_activation(rng, shape, act)
    w = random_weight(rng, (shape[-1], n), weights, per_channel, 1)
    acc = x.centered @ w.centered
    graph = Graph()
    value = graph.node("MatMul", [graph.activation(x), graph.weight(w)])
    if n % 2:
        bias = random_bias(rng, n, np.abs(acc).mean())
        acc = acc + bias
        value = graph.node("Add", [value, graph.bias(bias, x.quant.scale * w.scale)])
    quant = fitted(acc * np.float64(x.quant.scale) * w.scale.astype(np.float64), act)
    graph.quantized_output(value, quant)
    scale = contract.product_ratio(x.quant.scale, w.scale, quant.scale)
    return integer(name, "MatMul", "dense", graph, contract.requantize(acc, scale, quant))


def dynamic(shapes, act, other):
    """MatMul of two activations, both with zero points."""
    size = "_by_".join("x".join(map(str, shape)) for shape in shapes)
    name = f"matmul_dynamic_{size}_{act}_{other}"
    rng = rng_of(name)
    a, b = random_activation(rng, shapes[0], act), random_activation(rng, shapes[1], other)
    acc = np.matmul(a.centered, b.centered)
    quant = fitted(acc * np.float64(a.quant.scale) * np.float64(b.quant.scale), act)
    graph = Graph()
    graph.quantized_output(graph.node("MatMul", [graph.activation(a), graph.activation(b)]), quant)
    scale = contract.product_ratio(a.quant.scale, b.quant.scale, quant.scale)
    return integer(name, "MatMul", "dense", graph, contract.requantize(acc, scale, quant))
