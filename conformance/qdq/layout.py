"""Operators that move values and compute nothing; the output may have other parameters than the input."""

import numpy as np

from . import contract
from .case import integer
from .graph import Graph
from .tensors import QTensor, fitted, random_activation, random_quant, rng_of

# Name, input shape, operator, what it does to an array, its further inputs (int64 initializers), its attributes.
MOVES = [
    ("transpose_nchw_nhwc", (1, 3, 4, 5), "Transpose", lambda a: a.transpose(0, 2, 3, 1), [], {"perm": [0, 2, 3, 1]}),
    ("transpose_nhwc_nchw", (1, 4, 5, 3), "Transpose", lambda a: a.transpose(0, 3, 1, 2), [], {"perm": [0, 3, 1, 2]}),
    ("transpose_heads", (1, 5, 2, 8), "Transpose", lambda a: a.transpose(0, 2, 1, 3), [], {"perm": [0, 2, 1, 3]}),
    ("transpose_default", (3, 17), "Transpose", lambda a: a.T, [], {}),
    ("reshape_flat", (2, 3, 5), "Reshape", lambda a: a.reshape(2, 15), [[2, 15]], {}),
    ("reshape_infer", (1, 16, 1, 1), "Reshape", lambda a: a.reshape(1, 16), [[0, -1]], {}),
    ("flatten", (2, 3, 2, 5), "Flatten", lambda a: a.reshape(2, 30), [], {}),
    ("flatten_axis2", (2, 3, 2, 5), "Flatten", lambda a: a.reshape(6, 10), [], {"axis": 2}),
    ("flatten_axis0", (3, 5), "Flatten", lambda a: a.reshape(1, 15), [], {"axis": 0}),
    ("squeeze", (1, 17, 1, 1), "Squeeze", lambda a: a.reshape(1, 17), [[2, 3]], {}),
    ("unsqueeze", (1, 17), "Unsqueeze", lambda a: a.reshape(1, 17, 1, 1), [[2, 3]], {}),
    ("slice_columns", (2, 33), "Slice", lambda a: a[:, 3:20], [[3], [20], [1]], {}),
    ("slice_step", (1, 5, 7, 7), "Slice", lambda a: a[:, :, ::2, 1::3], [[0, 1], [9999, 9999], [2, 3], [2, 3]], {}),
    ("slice_reverse", (3, 9), "Slice", lambda a: a[:, ::-1], [[-1], [-9999], [1], [-1]], {}),
    ("slice_last_token", (1, 6, 17), "Slice", lambda a: a[:, -1:], [[-1], [9999], [1]], {}),
    ("gather_rows", (5, 7), "Gather", lambda a: a[[4, 0, 0, 2]], [[4, 0, 0, 2]], {}),
    ("gather_negative", (2, 9), "Gather", lambda a: a[:, [-1, 3]], [[-1, 3]], {"axis": 1}),
    ("gather_scalar", (1, 6, 17), "Gather", lambda a: a[:, 0], [0], {"axis": 1}),
    ("gather_grid", (6, 3), "Gather", lambda a: a[[[1, 5], [0, 2]]], [[[1, 5], [0, 2]]], {}),
    ("depthtospace_dcr", (1, 12, 2, 3), "DepthToSpace", lambda a: depth_to_space(a, 2), [], {"blocksize": 2}),
    ("spacetodepth", (1, 3, 4, 6), "SpaceToDepth", lambda a: space_to_depth(a, 2), [], {"blocksize": 2}),
    ("expand", (1, 5, 1), "Expand", lambda a: np.broadcast_to(a, (2, 5, 3)), [[2, 5, 3]], {}),
    ("tile", (2, 3), "Tile", lambda a: np.tile(a, (2, 3)), [[2, 3]], {}),
    ("identity", (2, 17), "Identity", lambda a: a, [], {}),
    ("dropout", (2, 17), "Dropout", lambda a: a, [], {}),
]
PADS = [
    ("zero_2d", (1, 3, 4, 5), [0, 0, 1, 2, 0, 0, 3, 0], "constant", None),
    ("zero_end", (1, 5, 4, 4), [0, 0, 0, 0, 0, 0, 1, 1], "constant", None),
    ("channels", (1, 3, 3, 3), [0, 0, 0, 0, 0, 13, 0, 0], "constant", None),
    ("value", (2, 5), [0, 1, 0, 2], "constant", 4),
    ("crop", (1, 7), [0, -2, 0, 1], "constant", None),
    ("reflect", (1, 1, 4, 5), [0, 0, 1, 2, 0, 0, 2, 1], "reflect", None),
    ("edge", (1, 1, 4, 5), [0, 0, 1, 2, 0, 0, 2, 1], "edge", None),
]


def cases():
    for act in ("i8", "u8"):
        for index, row in enumerate(MOVES):
            yield move(row, act, rescale=(index % 2 == 0) == (act == "i8"))
        for row in PADS:
            yield pad(row, act)
        yield from joins(act)
        yield gather_by_input(act)


def move(row, act, rescale):
    label, shape, op, function, further, attributes = row
    name = f"{label}_{'rescale' if rescale else 'same'}_{act}"
    x = random_activation(rng_of(name), shape, act)
    moved = QTensor(np.ascontiguousarray(function(x.data)), x.quant)
    quant = fitted(moved.real, act) if rescale else x.quant
    graph = Graph()
    inputs = [graph.activation(x)] + [graph.ints(value) for value in further]
    graph.quantized_output(graph.node(op, inputs, **attributes), quant)
    return integer(name, op, "layout", graph, contract.convert(moved, quant))


def depth_to_space(a, block):
    n, c, h, w = a.shape
    parts = a.reshape(n, block, block, c // block ** 2, h, w).transpose(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // block ** 2, h * block, w * block)


def space_to_depth(a, block):
    n, c, h, w = a.shape
    parts = a.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * block ** 2, h // block, w // block)


def pad(row, act):
    """Constant padding is a real 0, hence the zero point, or a given number of quanta above it."""
    label, shape, pads, mode, quanta = row
    name = f"pad_{label}_{act}"
    x = random_activation(rng_of(name), shape, act)
    graph = Graph()
    inputs = [graph.activation(x), graph.ints(pads)]
    if quanta:
        inputs.append(graph.floats(np.float32(quanta) * x.quant.scale))
    graph.quantized_output(graph.node("Pad", inputs, mode=mode), x.quant)
    return integer(name, "Pad", "layout", graph, padded(x, pads, mode, quanta or 0))


def padded(x, pads, mode, quanta):
    pairs = np.array(pads).reshape(2, -1).T
    widths = np.maximum(pairs, 0)
    more = {"constant_values": x.quant.zero + quanta} if mode == "constant" else {}
    data = np.pad(x.data, widths, mode=mode, **more)
    crop = tuple(slice(max(-b, 0), size - max(-e, 0)) for (b, e), size in zip(pairs, data.shape))
    return data[crop]


# --- Concat, Split, Gather by an input -------------------------------------------------------------------------------

def joins(act):
    yield concat("channels", [(1, 3, 4, 4), (1, 5, 4, 4)], 1, act)
    yield concat("three", [(2, 1), (2, 16), (2, 17)], -1, act)
    yield concat("rows", [(3, 5), (1, 5)], 0, act)
    yield concat("same_scale", [(1, 3, 3), (1, 2, 3)], 1, act, same=True)
    yield concat("tails", [(1, 31, 2), (1, 33, 2), (1, 1, 2)], 1, act)
    yield split("equal", (2, 12), 1, [4, 4, 4], act)
    yield split("unequal", (1, 33, 2), 1, [16, 17], act)
    yield split("rows", (5, 3), 0, [1, 3, 1], act)


def concat(label, shapes, axis, act, same=False):
    """Inputs with different scales, all converted to the output's."""
    name = f"concat_{label}_{act}"
    rng = rng_of(name)
    parts = [random_activation(rng, shape, act) for shape in shapes]
    if same:
        parts = [QTensor(part.data, parts[0].quant) for part in parts]
    quant = parts[0].quant if same else fitted(np.concatenate([part.real for part in parts], axis), act)
    graph = Graph()
    graph.quantized_output(graph.node("Concat", [graph.activation(part) for part in parts], axis=axis), quant)
    exact = np.concatenate([contract.convert(part, quant) for part in parts], axis)
    return integer(name, "Concat", "layout", graph, exact)


def split(label, shape, axis, sizes, act):
    """Outputs with different scales; the first keeps the input's."""
    name = f"split_{label}_{act}"
    rng = rng_of(name)
    x = random_activation(rng, shape, act)
    quants = [x.quant] + [random_quant(rng, act) for _ in sizes[1:]]
    graph = Graph()
    values = graph.nodes("Split", [graph.activation(x), graph.ints(sizes)], len(sizes), axis=axis)
    for value, quant in zip(values, quants):
        graph.quantized_output(value, quant)
    parts = np.split(x.data, np.cumsum(sizes)[:-1], axis)
    exact = [contract.convert(QTensor(part, x.quant), quant) for part, quant in zip(parts, quants)]
    return integer(name, "Split", "layout", graph, *exact)


def gather_by_input(act):
    """An embedding: a quantized table, token numbers as the graph's input."""
    name = f"gather_embedding_{act}"
    rng = rng_of(name)
    table = random_activation(rng, (23, 17), act)
    tokens = np.array([[3, 0, 22, 7, 7]], np.int64)
    graph = Graph()
    rows = graph.node("Gather", [graph.constant_activation(table), graph.raw_input(tokens)])
    graph.quantized_output(rows, table.quant)
    return integer(name, "Gather", "layout", graph, table.data[tokens])
