"""Average, maximum and global pooling, and reductions."""

from dataclasses import dataclass

import numpy as np

from . import contract
from .case import integer
from .graph import Graph
from .tensors import fitted, narrow_activation, random_activation, rng_of


@dataclass(frozen=True)
class Pool:
    """A pool's shape and attributes."""

    label: str
    shape: tuple
    kernel: tuple
    strides: tuple = ()
    pads: tuple = ()
    ceil_mode: bool = False
    dilations: tuple = ()

    def geometry(self):
        """Kernel, strides, pads and dilations with defaults filled in."""
        rank = len(self.kernel)
        return (self.kernel, self.strides or (1,) * rank, list(self.pads) or [0] * 2 * rank,
                self.dilations or (1,) * rank)

    def attributes(self):
        optional = {"strides": self.strides, "pads": self.pads, "dilations": self.dilations}
        found = {key: list(value) for key, value in optional.items() if value}
        return {"kernel_shape": list(self.kernel), **found, **({"ceil_mode": 1} if self.ceil_mode else {})}


POOLS = [
    Pool("2x2_s2_c3", (1, 3, 6, 6), (2, 2), (2, 2)),
    Pool("2x2_s1_c17", (1, 17, 4, 4), (2, 2)),
    Pool("3x3_s1_pads_c5", (1, 5, 5, 5), (3, 3), (1, 1), (1, 1, 1, 1)),
    Pool("3x3_s2_end_pads_c16", (1, 16, 6, 6), (3, 3), (2, 2), (0, 0, 1, 1)),
    Pool("3x3_s2_ceil_c5", (1, 5, 6, 7), (3, 3), (2, 2), (), True),
    Pool("2x2_s2_ceil_c33", (1, 33, 3, 5), (2, 2), (2, 2), (), True),
    Pool("3x3_s2_pads_ceil_c3", (1, 3, 7, 8), (3, 3), (2, 2), (1, 1, 1, 1), True),
    Pool("2x3_four_pads_batch2_c3", (2, 3, 5, 5), (2, 3), (2, 1), (0, 1, 1, 2)),
    Pool("7x7_c31", (1, 31, 7, 7), (7, 7)),
    Pool("1d_k3_s2_c5", (1, 5, 13), (3,), (2,), (1, 1)),
]
MAX_ONLY = [Pool("3x3_d2_c3", (1, 3, 8, 8), (3, 3), (1, 1), (2, 2, 2, 2), False, (2, 2))]
GLOBAL = [
    ("7x7_c16", (1, 16, 7, 7)),
    ("5x3_c33_batch2", (2, 33, 5, 3)),
    ("1x1_c5", (1, 5, 1, 1)),
    ("1d_c17", (1, 17, 9)),
]
# Label, shape, axes, keepdims.
REDUCTIONS = [
    ("spatial_keep", (1, 17, 4, 5), (2, 3), 1),
    ("spatial_drop", (2, 5, 3, 3), (2, 3), 0),
    ("channel", (1, 31, 3, 3), (1,), 1),
    ("last", (3, 33), (-1,), 0),
    ("middle", (2, 9, 5), (1,), 0),
    ("all", (2, 3, 4), None, 1),
]


def cases():
    for act in ("i8", "u8"):
        for pool in POOLS:
            yield average(pool, act, False)
            if any(pool.pads):
                yield average(pool, act, True)
        for pool in POOLS + MAX_ONLY:
            yield maximum(pool, act, rescale=pool.label.startswith("3x3"))
        for label, shape in GLOBAL:
            yield global_average(label, shape, act)
            yield global_maximum(label, shape, act)
        for row in REDUCTIONS:
            for op in ("ReduceMean", "ReduceSum", "ReduceMax"):
                yield reduction(op, *row, act)


def average(pool, act, include_pad):
    """Opset 21, for before 19 ceil_mode together with padding was not defined unambiguously."""
    name = f"averagepool_{pool.label}{'_include_pad' if include_pad else ''}_{act}"
    x = random_activation(rng_of(name), pool.shape, act)
    kernel, strides, pads, dilations = pool.geometry()
    total = contract.windows(x.centered, kernel, strides, pads, 0, pool.ceil_mode, dilations).sum(0)
    count = contract.window_counts(pool.shape[2:], kernel, strides, pads, include_pad, pool.ceil_mode, dilations)
    quant = fitted(total / count * np.float64(x.quant.scale), act)
    graph = Graph(21)
    attributes = {**pool.attributes(), **({"count_include_pad": 1} if include_pad else {})}
    graph.quantized_output(graph.node("AveragePool", [graph.activation(x)], **attributes), quant)
    return integer(name, "AveragePool", "pool", graph, contract.mean_requantize(total, count, x.quant, quant))


def maximum(pool, act, rescale):
    """Padding never wins: it is below every value."""
    name = f"maxpool_{pool.label}{'_rescale' if rescale else ''}_{act}"
    x = narrow_activation(rng_of(name), pool.shape, act)
    kernel, strides, pads, dilations = pool.geometry()
    best = contract.windows(x.centered, kernel, strides, pads, -(1 << 20), pool.ceil_mode, dilations).max(0)
    quant = fitted(best * np.float64(x.quant.scale), act) if rescale else x.quant
    graph = Graph()
    graph.quantized_output(graph.node("MaxPool", [graph.activation(x)], **pool.attributes()), quant)
    exact = contract.requantize(best, contract.ratio(x.quant.scale, quant.scale), quant)
    return integer(name, "MaxPool", "pool", graph, exact)


def global_average(label, shape, act):
    name = f"globalaveragepool_{label}_{act}"
    x = random_activation(rng_of(name), shape, act)
    axes = tuple(range(2, len(shape)))
    return mean_over(name, "GlobalAveragePool", x, axes, True, lambda graph, value:
                     graph.node("GlobalAveragePool", [value]))


def global_maximum(label, shape, act):
    name = f"globalmaxpool_{label}_{act}"
    x = narrow_activation(rng_of(name), shape, act)
    best = x.centered.max(tuple(range(2, len(shape))), keepdims=True)
    quant = fitted(best * np.float64(x.quant.scale), act)
    graph = Graph()
    graph.quantized_output(graph.node("GlobalMaxPool", [graph.activation(x)]), quant)
    return integer(name, "GlobalMaxPool", "pool", graph,
                   contract.requantize(best, contract.ratio(x.quant.scale, quant.scale), quant))


def mean_over(name, op, x, axes, keep, make_node, opset=17):
    total = x.centered.sum(axes, keepdims=keep)
    count = x.data.size // total.size
    quant = fitted(total / count * np.float64(x.quant.scale), x.quant.dtype)
    graph = Graph(opset)
    graph.quantized_output(make_node(graph, graph.activation(x)), quant)
    return integer(name, op, "pool", graph, contract.mean_requantize(total, count, x.quant, quant))


def reduction(op, label, shape, axes, keep, act):
    """ReduceMean, ReduceSum and ReduceMax; without axes all dimensions are reduced.

    Opset 18 turned the axes of the mean and the maximum from an attribute into an input: int8 cases have the former,
    uint8 cases the latter.
    """
    name = f"{op.lower()}_{label}_{act}"
    x = (narrow_activation if op == "ReduceMax" else random_activation)(rng_of(name), shape, act)
    opset = 17 if act == "i8" else 21

    def make_node(graph, value):
        if axes is None:
            return graph.node(op, [value], keepdims=keep)
        if opset == 21 or op == "ReduceSum":
            return graph.node(op, [value, graph.ints(axes)], keepdims=keep)
        return graph.node(op, [value], keepdims=keep, axes=list(axes))

    if op == "ReduceMean":
        return mean_over(name, op, x, axes, bool(keep), make_node, opset)
    reduced = (np.max if op == "ReduceMax" else np.sum)(x.centered, axes, keepdims=bool(keep))
    quant = fitted(reduced * np.float64(x.quant.scale), act)
    graph = Graph(opset)
    graph.quantized_output(make_node(graph, graph.activation(x)), quant)
    exact = contract.requantize(reduced, contract.ratio(x.quant.scale, quant.scale), quant)
    return integer(name, op, "pool", graph, exact)
