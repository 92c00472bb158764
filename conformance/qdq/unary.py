"""Functions of one value, each over all 256 values of the type."""

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, pi, sqrt

import numpy as np

from . import contract
from .case import by_float64, integer
from .graph import Graph
from .tensors import DTYPES, QTensor, Quant, fitted, random_quant, random_scale, rng_of


@dataclass(frozen=True)
class Function:
    """A float64 definition and the nodes that express it. `domain`: any, nonnegative, positive or nonzero."""

    label: str
    real: Callable
    nodes: Callable
    op: str
    domain: str = "any"
    opset: int = 17


def single(label, op, real, domain="any", opset=17, **attributes):
    return Function(label, real, lambda graph, value: graph.node(op, [value], **attributes), op, domain, opset)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu_erf(x):
    return 0.5 * x * (1 + np.vectorize(erf)(x / sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))


def hard_sigmoid(x, alpha=0.2, beta=0.5):
    return np.clip(alpha * x + beta, 0, 1)


def softplus(x):
    return np.logaddexp(0, x)


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


# Nodes of activations that exporters write out.

def silu_nodes(graph, value):
    return graph.node("Mul", [value, graph.node("Sigmoid", [value])])


def mish_nodes(graph, value):
    return graph.node("Mul", [value, graph.node("Tanh", [graph.node("Softplus", [value])])])


def gelu_nodes(graph, value):
    """x / sqrt(2), Erf, + 1, * x, * 0.5"""
    inner = graph.node("Erf", [graph.node("Div", [value, graph.floats(sqrt(2))])])
    outer = graph.node("Mul", [value, graph.node("Add", [inner, graph.floats(1)])])
    return graph.node("Mul", [outer, graph.floats(0.5)])


def hard_swish_nodes(graph, value):
    """x * Clip(x + 3, 0, 6) / 6"""
    clipped = graph.node("Clip", [graph.node("Add", [value, graph.floats(3)]), graph.floats(0), graph.floats(6)])
    return graph.node("Div", [graph.node("Mul", [value, clipped]), graph.floats(6)])


def hard_swish_sigmoid_nodes(graph, value):
    """x * HardSigmoid(x), alpha 1/6"""
    return graph.node("Mul", [value, graph.node("HardSigmoid", [value], alpha=1 / 6, beta=0.5)])


def pow_nodes(graph, value):
    return graph.node("Pow", [value, graph.floats(2)])


FUNCTIONS = [
    single("sigmoid", "Sigmoid", sigmoid),
    single("tanh", "Tanh", np.tanh),
    single("hardsigmoid", "HardSigmoid", hard_sigmoid),
    single("hardsigmoid_sixth", "HardSigmoid", lambda x: hard_sigmoid(x, 1 / 6), alpha=1 / 6, beta=0.5),
    single("hardswish", "HardSwish", lambda x: x * hard_sigmoid(x, 1 / 6)),
    single("gelu", "Gelu", gelu_erf, opset=21),
    single("gelu_tanh", "Gelu", gelu_tanh, opset=21, approximate="tanh"),
    single("elu", "Elu", lambda x: elu(x, 1.0)),
    single("elu_half", "Elu", lambda x: elu(x, 0.5), alpha=0.5),
    single("selu", "Selu", lambda x: SELU_GAMMA * elu(x, SELU_ALPHA)),
    single("leakyrelu", "LeakyRelu", lambda x: np.where(x < 0, 0.01 * x, x)),
    single("leakyrelu_tenth", "LeakyRelu", lambda x: np.where(x < 0, 0.1 * x, x), alpha=0.1),
    single("softplus", "Softplus", softplus),
    single("softsign", "Softsign", lambda x: x / (1 + np.abs(x))),
    single("erf", "Erf", np.vectorize(erf)),
    single("exp", "Exp", np.exp),
    single("abs", "Abs", np.abs),
    single("neg", "Neg", np.negative),
    single("sqrt", "Sqrt", np.sqrt, "nonnegative"),
    single("log", "Log", np.log, "positive"),
    single("reciprocal", "Reciprocal", np.reciprocal, "nonzero"),
    single("floor", "Floor", np.floor),
    Function("silu_nodes", lambda x: x * sigmoid(x), silu_nodes, "Sigmoid"),
    Function("mish_nodes", lambda x: x * np.tanh(softplus(x)), mish_nodes, "Softplus"),
    Function("gelu_nodes", gelu_erf, gelu_nodes, "Erf"),
    Function("hardswish_nodes", lambda x: x * hard_sigmoid(x, 1 / 6), hard_swish_nodes, "Clip"),
    Function("hardswish_sigmoid_nodes", lambda x: x * hard_sigmoid(x, 1 / 6), hard_swish_sigmoid_nodes, "HardSigmoid"),
    Function("square_pow", np.square, pow_nodes, "Pow"),
]

# Output parameters that exporters fix rather than fit.
FIXED_OUTPUT = {
    "sigmoid": {"i8": (1 / 256, -128), "u8": (1 / 256, 0)},
    "tanh": {"i8": (1 / 128, 0), "u8": (1 / 128, 128)},
}


def cases():
    for act in ("i8", "u8"):
        for function in FUNCTIONS:
            yield fitted_case(function, act)
        for label in FIXED_OUTPUT:
            yield fixed_case(next(f for f in FUNCTIONS if f.label == label), act)
        for bounds in BOUNDS:
            yield clipped("Clip", bounds, act, rescale=True)
            yield clipped("Clip", bounds, act, rescale=False)
        yield clipped("Relu", (0, None), act, rescale=True)
        yield clipped("Relu", (0, None), act, rescale=False)
        yield zero_point_at_the_bottom(act)
        for shape, slope in PRELU:
            yield prelu(shape, slope, act)


def all_values(quant, domain="any"):
    """A tensor [1, 16, k] with each value of the type in the domain, in shuffled order."""
    values = np.arange(quant.low, quant.high + 1)
    keep = {
        "any": values == values, "nonnegative": values >= quant.zero, "positive": values > quant.zero,
        "nonzero": values != quant.zero,
    }[domain]
    values = np.resize(values[keep], 256)
    np.random.RandomState(7).shuffle(values)
    return QTensor(values.astype(quant.dtype).reshape(1, 16, 16), quant)


def function_case(name, function, x, quant):
    graph = Graph(function.opset)
    graph.quantized_output(function.nodes(graph, graph.activation(x)), quant)
    return by_float64(name, function.op, "unary", graph, contract.table(function.real, x, quant))


def fitted_case(function, act):
    name = f"unary_{function.label}_{act}"
    rng = rng_of(name)
    scale = random_scale(rng, 0.02, 0.06)
    x = all_values(random_quant(rng, act, scale), function.domain)
    return function_case(name, function, x, fitted(function.real(x.real), act))


def fixed_case(function, act):
    name = f"unary_{function.label}_fixed_output_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act, random_scale(rng, 0.02, 0.08)))
    scale, zero = FIXED_OUTPUT[function.label][act]
    return function_case(name, function, x, Quant(DTYPES[act], np.float32(scale), zero))


# --- clamps: integer arithmetic --------------------------------------------------------------------------------------

BOUNDS = [(0, 6), (-1, 1), (None, 2.5), (-0.75, None), (0, 1)]


def clipped(op, bounds, act, rescale):
    label = "_".join("none" if b is None else str(b).replace("-", "m").replace(".", "p") for b in bounds)
    name = f"{op.lower()}_{label + '_' if op == 'Clip' else ''}{'rescale' if rescale else 'same'}_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act, random_scale(rng, 0.02, 0.07)))
    low, high = bounds
    quant = fitted(np.clip(x.real, low, high), act) if rescale else x.quant
    graph = Graph()
    graph.quantized_output(graph.node(op, clip_inputs(graph, graph.activation(x), op, bounds)), quant)
    return integer(name, op, "clamp", graph, contract.clip(contract.convert(x, quant), quant, low, high))


def clip_inputs(graph, value, op, bounds):
    if op == "Relu":
        return [value]
    inputs = [value] + ["" if bound is None else graph.floats(bound) for bound in bounds]
    return inputs[:-1] if inputs[-1] == "" else inputs


def zero_point_at_the_bottom(act):
    """No Relu node: a zero point at the type's lowest value does its work."""
    name = f"relu_by_zero_point_{act}"
    rng = rng_of(name)
    x = all_values(random_quant(rng, act))
    quant = Quant(DTYPES[act], np.float32(x.quant.scale * 0.6), int(np.iinfo(DTYPES[act]).min))
    graph = Graph()
    graph.quantized_output(graph.activation(x), quant)
    return integer(name, "QuantizeLinear", "clamp", graph, contract.convert(x, quant))


PRELU = [((1, 17, 4, 4), (17, 1, 1)), ((1, 5, 6, 6), (1,)), ((2, 3, 5), (5,))]


def prelu(shape, slope_shape, act):
    """Slopes from a quantized initializer."""
    name = f"prelu_{'x'.join(map(str, shape))}_by_{'x'.join(map(str, slope_shape))}_{act}"
    rng = rng_of(name)
    x = QTensor(rng.randint(0, 256, shape).astype(np.uint8).view(DTYPES[act]), random_quant(rng, act))
    slope_quant = Quant(np.dtype(np.int8), np.float32(0.0043), 0)
    slope = QTensor(rng.randint(-128, 128, slope_shape).astype(np.int8), slope_quant)
    real = np.where(x.real < 0, x.real * slope.real, x.real)
    quant = fitted(real, act)
    graph = Graph()
    value = graph.node("PRelu", [graph.activation(x), graph.constant_activation(slope)])
    graph.quantized_output(value, quant)
    return by_float64(name, "PRelu", "unary", graph, contract.quantize_real(real, quant))
