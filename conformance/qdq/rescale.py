"""Changes of parameters alone, and scales that are powers of two, where every operator meets exact ties."""

import numpy as np

from . import contract, conv, dense
from .case import integer
from .conv import Spec
from .graph import Graph
from .tensors import DTYPES, QTensor, Quant, QWeight, random_quant, random_tensor, rng_of
from .unary import all_values


def cases():
    for act in ("i8", "u8"):
        for label, steps in CHAINS.items():
            yield chain(label, steps, act)
        yield other_sign(act)
        for shift in (1, 2, 4):
            yield chain(f"ties_by_{shift}", [2.0 ** shift], act, start=1.0, ties=True)
        yield chain("ties_down_and_up", [4.0, 0.5, 2.0], act, start=1.0, ties=True)
        yield from tie_cases(act)


# Each step's scale, as a multiple of the input's.
CHAINS = {
    "same": [1.0], "finer": [0.37], "coarser": [2.713], "much_coarser": [40.0], "much_finer": [0.001],
    "twice": [1.31, 0.83], "thrice": [3.1, 0.45, 1.7], "nearly_same": [1.0000001],
}


def chain(label, steps, act, start=None, ties=False):
    """Quantize, dequantize, quantize again: each step rounds."""
    name = f"requantize_{label}_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act, start))
    graph = Graph()
    value, exact = graph.activation(x), x
    for index, step in enumerate(steps):
        quant = random_quant(rng, act, np.float64(x.quant.scale) * step)
        value = graph.quantized(value, quant)
        exact = QTensor(contract.convert(exact, quant), quant)
        if index + 1 < len(steps):
            value = graph.dequantized(value, quant)
    graph.output(value, quant.dtype)
    return integer(name, "QuantizeLinear", "ties" if ties else "requantize", graph, exact.data, ties=ties)


def other_sign(act):
    """From int8 to uint8 or back, zero points 128 apart: the same values with the top bit turned."""
    name = f"requantize_other_sign_from_{act}"
    x = all_values(random_quant(rng_of(name), act))
    other = "u8" if act == "i8" else "i8"
    quant = Quant(DTYPES[other], x.quant.scale, x.quant.zero + (128 if act == "i8" else -128))
    graph = Graph()
    graph.quantized_output(graph.activation(x), quant)
    return integer(name, "QuantizeLinear", "requantize", graph, contract.convert(x, quant))


# --- ties ------------------------------------------------------------------------------------------------------------

def tie_cases(act):
    yield conv_ties(act, False)
    yield conv_ties(act, True)
    yield gemm_ties(act)
    for op in ("Add", "Sub", "Mul"):
        yield binary_ties(op, act)
    yield average_ties(act)
    yield mean_ties(act)
    yield concat_ties(act)
    yield hard_ties(act)


def small_weights(rng, shape, scale):
    """Weights of a few quanta, so that most results stay in range."""
    return QWeight(rng.randint(-3, 4, shape).astype(np.int8), np.asarray(scale, np.float32), 0, 0)


def conv_ties(act, depthwise):
    name = f"ties_conv_{'dw_' if depthwise else ''}{act}"
    rng = rng_of(name)
    spec = Spec("", (1, 5, 6, 6), 5, (3, 3), pads=(1, 1, 1, 1), group=5 if depthwise else 1)
    x = random_tensor(rng, spec.shape, random_quant(rng, act, 0.5))
    w = small_weights(rng, spec.weight_shape, [0.25, 0.5, 0.125, 1.0, 0.0625])
    return conv.build(name, spec, x, w, rng, random_quant(rng, act, 2.0), ties=True, category="ties")


def gemm_ties(act):
    name = f"ties_gemm_{act}"
    rng = rng_of(name)
    x = random_tensor(rng, (4, 17), random_quant(rng, act, 0.25))
    w = small_weights(rng, (16, 17), 0.5)
    return dense.gemm_of(name, x, w, True, "", rng, random_quant(rng, act, 1.0), ties=True, category="ties")


def binary_ties(op, act):
    name = f"ties_{op.lower()}_{act}"
    rng = rng_of(name)
    a = random_tensor(rng, (1, 17, 8), random_quant(rng, act, 0.5))
    b = random_tensor(rng, (1, 17, 8), random_quant(rng, act, 0.25))
    quant = random_quant(rng, act, 16.0 if op == "Mul" else 1.0)
    graph = Graph()
    graph.quantized_output(graph.node(op, [graph.activation(a), graph.activation(b)]), quant)
    exact = {"Add": contract.add, "Mul": contract.mul,
             "Sub": lambda a, b, q: contract.add(a, b, q, sign=-1)}[op](a, b, quant)
    return integer(name, op, "ties", graph, exact, ties=True)


def average_ties(act):
    """Sums of four elements, a quarter of which end in a half."""
    name = f"ties_averagepool_{act}"
    rng = rng_of(name)
    x = random_tensor(rng, (1, 5, 8, 8), random_quant(rng, act, 0.5))
    quant = random_quant(rng, act, 0.5)
    total = contract.windows(x.centered, (2, 2), (2, 2), [0] * 4, 0, False, (1, 1)).sum(0)
    graph = Graph()
    value = graph.node("AveragePool", [graph.activation(x)], kernel_shape=[2, 2], strides=[2, 2])
    graph.quantized_output(value, quant)
    return integer(name, "AveragePool", "ties", graph, contract.mean_requantize(total, 4, x.quant, quant), ties=True)


def mean_ties(act):
    name = f"ties_globalaveragepool_{act}"
    rng = rng_of(name)
    x = random_tensor(rng, (8, 17, 4, 2), random_quant(rng, act, 1.0))
    quant = random_quant(rng, act, 0.25)
    total = x.centered.sum((2, 3), keepdims=True)
    graph = Graph()
    graph.quantized_output(graph.node("GlobalAveragePool", [graph.activation(x)]), quant)
    return integer(name, "GlobalAveragePool", "ties", graph,
                   contract.mean_requantize(total, 8, x.quant, quant), ties=True)


def concat_ties(act):
    name = f"ties_concat_{act}"
    rng = rng_of(name)
    parts = [random_tensor(rng, (1, n, 16), random_quant(rng, act, scale)) for n, scale in ((3, 0.5), (5, 0.25))]
    quant = random_quant(rng, act, 1.0)
    graph = Graph()
    graph.quantized_output(graph.node("Concat", [graph.activation(part) for part in parts], axis=1), quant)
    exact = np.concatenate([contract.convert(part, quant) for part in parts], 1)
    return integer(name, "Concat", "ties", graph, exact, ties=True)


def hard_ties(act):
    """Relu with a rescale by a half."""
    name = f"ties_relu_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act, 0.5))
    quant = random_quant(rng, act, 1.0)
    graph = Graph()
    graph.quantized_output(graph.node("Relu", [graph.activation(x)]), quant)
    return integer(name, "Relu", "ties", graph, contract.clip(contract.convert(x, quant), quant, 0), ties=True)
