"""Add, Sub, Mul and Div with broadcasting."""

import numpy as np

from . import contract
from .case import by_float64, integer
from .graph import Graph
from .tensors import QTensor, fitted, random_activation, random_quant, random_tensor, rng_of

SHAPES = {
    "same": ((1, 5, 4, 4), (1, 5, 4, 4)),
    "tail": ((1, 33), (1, 33)),
    "channel": ((1, 17, 3, 3), (1, 17, 1, 1)),
    "channel_first": ((1, 17, 1, 1), (1, 17, 3, 3)),
    "spatial": ((1, 5, 4, 3), (1, 1, 4, 3)),
    "row": ((2, 3, 17), (17,)),
    "scalar": ((1, 3, 5, 5), ()),
    "both": ((3, 1, 5), (1, 4, 5)),
    "batch": ((2, 3, 4), (1, 3, 4)),
}
OPS = ["Add", "Sub", "Mul", "Div"]


def cases():
    for op in OPS:
        for label, shapes in SHAPES.items():
            for act in ("i8", "u8"):
                yield binary(op, label, shapes, act, "dynamic")
        for label in ("channel", "scalar", "row"):
            for act in ("i8", "u8"):
                yield binary(op, label, SHAPES[label], act, "constant")
    for act in ("i8", "u8"):
        for op in ("Add", "Mul"):
            yield with_itself(op, act)
            yield with_float_constant(op, act)
        yield binary("Add", "same", SHAPES["same"], act, "dynamic", relu=True)
        yield binary("Add", "tail", SHAPES["tail"], act, "dynamic", relu=True)
        yield every_pair("Add", act)
        yield every_pair("Mul", act)


def binary(op, label, shapes, act, second, relu=False):
    """Two quantized operands; the second is an input or an initializer."""
    name = f"{op.lower()}_{label}{'_relu' if relu else ''}_{second}_{act}"
    rng = rng_of(name)
    a, b = random_activation(rng, shapes[0], act), random_activation(rng, shapes[1], act)
    if op == "Div":
        b = without_zero(b)
    graph = Graph()
    inputs = [graph.activation(a), graph.activation(b) if second == "dynamic" else graph.constant_activation(b)]
    value = graph.node(op, inputs)
    if relu:
        value = graph.node("Relu", [value])
    quant = fitted(FLOAT[op](a.real, b.real), act, 0.8)
    graph.quantized_output(value, quant)
    return finished(name, op, graph, a, b, quant, relu)


def finished(name, op, graph, a, b, quant, relu=False):
    if op == "Div":
        return by_float64(name, op, "elementwise", graph, contract.quantize_real(a.real / b.real, quant))
    exact = EXACT[op](a, b, quant)
    return integer(name, op, "elementwise", graph, contract.clip(exact, quant, 0 if relu else None))


def without_zero(tensor):
    """Move elements that stand for a real 0 one quantum up, for use as divisor."""
    data = np.where(tensor.centered == 0, tensor.data + 1, tensor.data).astype(tensor.quant.dtype)
    return QTensor(data, tensor.quant)


def with_itself(op, act):
    name = f"{op.lower()}_itself_{act}"
    a = random_activation(rng_of(name), (1, 16, 3), act)
    graph = Graph()
    value = graph.activation(a)
    quant = fitted(FLOAT[op](a.real, a.real), act)
    graph.quantized_output(graph.node(op, [value, value]), quant)
    return finished(name, op, graph, a, a, quant)


def with_float_constant(op, act):
    """A float scalar that no exporter quantized."""
    name = f"{op.lower()}_float_constant_{act}"
    a = random_activation(rng_of(name), (1, 5, 4, 4), act)
    graph = Graph()
    quant = fitted(FLOAT[op](a.real, 0.7371), act)
    graph.quantized_output(graph.node(op, [graph.activation(a), graph.floats(0.7371)]), quant)
    exact = contract.quantize_real(FLOAT[op](a.real, np.float64(np.float32(0.7371))), quant)
    return by_float64(name, op, "elementwise", graph, exact)


def every_pair(op, act):
    """Each of the 256 values of one operand with a few of the other, by broadcasting."""
    name = f"{op.lower()}_all_values_{act}"
    rng = rng_of(name)
    quant = random_quant(rng, act)
    a = QTensor(np.arange(quant.low, quant.high + 1).astype(quant.dtype).reshape(256, 1), quant)
    b = random_tensor(rng, (1, 7), random_quant(rng, act))
    graph = Graph()
    out = fitted(FLOAT[op](a.real, b.real), act, 0.7)
    graph.quantized_output(graph.node(op, [graph.activation(a), graph.activation(b)]), out)
    return finished(name, op, graph, a, b, out)


FLOAT = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
EXACT = {
    "Add": contract.add,
    "Sub": lambda a, b, quant: contract.add(a, b, quant, sign=-1),
    "Mul": contract.mul,
}
