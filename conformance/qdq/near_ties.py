"""Results that lie next to a tie, where the order and precision of the rescaling decide.

The scales are small whole numbers and their reciprocals, so that a true quotient is often a half, but the float32
reciprocal by which the contract multiplies is not exact. A runtime that divides, multiplies in float64, uses a
fixed-point multiplier or contracts a multiplication and an addition into one gets other quanta here. ONNX Runtime
divides, hence its own answers differ by one quantum in some elements.
"""


from . import contract, conv, dense
from .case import integer
from .conv import Spec
from .graph import Graph
from .rescale import small_weights
from .tensors import random_quant, random_tensor, rng_of
from .unary import all_values

DIVISORS = [6, 10, 14, 22]
# Scales of both operands and of the result.
SUMS = [(1, 0.5, 3), (1, 1, 6), (0.1, 0.3, 1), (0.7, 0.1, 1.4), (0.2, 0.6, 1.2)]


def cases():
    for act in ("i8", "u8"):
        for divisor in DIVISORS:
            yield requantized(divisor, act)
        for index, scales in enumerate(SUMS):
            yield summed(index, scales, act)
        for divisor in (30, 90):
            yield multiplied(divisor, act)
        yield convolved(act, depthwise=False)
        yield convolved(act, depthwise=True)
        yield gemm(act)
        yield averaged(act)


def requantized(divisor, act):
    name = f"near_ties_requantize_by_{divisor}_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act, 1.0))
    quant = random_quant(rng, act, divisor)
    graph = Graph()
    graph.quantized_output(graph.activation(x), quant)
    return integer(name, "QuantizeLinear", "near_ties", graph, contract.convert(x, quant))


def summed(index, scales, act):
    """Random pairs of the sum of two operands."""
    name = f"near_ties_add_{index}_{act}"
    rng = rng_of(name)
    a, b = (random_tensor(rng, (1, 17, 24), random_quant(rng, act, scale)) for scale in scales[:2])
    quant = random_quant(rng, act, scales[2])
    graph = Graph()
    graph.quantized_output(graph.node("Add", [graph.activation(a), graph.activation(b)]), quant)
    return integer(name, "Add", "near_ties", graph, contract.add(a, b, quant))


def multiplied(divisor, act):
    name = f"near_ties_mul_by_{divisor}_{act}"
    rng = rng_of(name)
    a, b = (random_tensor(rng, (1, 17, 24), random_quant(rng, act, 1.0)) for _ in range(2))
    quant = random_quant(rng, act, divisor)
    graph = Graph()
    graph.quantized_output(graph.node("Mul", [graph.activation(a), graph.activation(b)]), quant)
    return integer(name, "Mul", "near_ties", graph, contract.mul(a, b, quant))


def convolved(act, depthwise):
    name = f"near_ties_conv_{'dw_' if depthwise else ''}{act}"
    rng = rng_of(name)
    spec = Spec("", (1, 16, 4, 4), 16, (3, 3), pads=(1, 1, 1, 1), group=16 if depthwise else 1)
    x = random_tensor(rng, spec.shape, random_quant(rng, act, 1.0))
    w = small_weights(rng, spec.weight_shape, reciprocals(16))
    return conv.build(name, spec, x, w, rng, random_quant(rng, act, 2.0 if depthwise else 6.0), category="near_ties")


def reciprocals(count):
    """1/3, 1/5, 1/7 ..."""
    return [1 / (2 * index + 3) for index in range(count)]


def gemm(act):
    name = f"near_ties_gemm_{act}"
    rng = rng_of(name)
    x = random_tensor(rng, (4, 17), random_quant(rng, act, 1.0))
    w = small_weights(rng, (33, 17), reciprocals(33))
    return dense.gemm_of(name, x, w, True, "", rng, random_quant(rng, act, 2.0), category="near_ties")


def averaged(act):
    """Windows of nine, and a result of twice the scale."""
    name = f"near_ties_averagepool_{act}"
    rng = rng_of(name)
    x = random_tensor(rng, (1, 5, 9, 9), random_quant(rng, act, 1.0))
    quant = random_quant(rng, act, 2.0)
    total = contract.windows(x.centered, (3, 3), (1, 1), [0] * 4, 0, False, (1, 1)).sum(0)
    graph = Graph()
    graph.quantized_output(graph.node("AveragePool", [graph.activation(x)], kernel_shape=[3, 3]), quant)
    return integer(name, "AveragePool", "near_ties", graph, contract.mean_requantize(total, 9, x.quant, quant))
