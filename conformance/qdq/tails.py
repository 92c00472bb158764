"""What ends a classifier: Softmax, LogSoftmax and ArgMax."""

import numpy as np

from . import contract
from .case import by_float64, integer
from .graph import Graph
from .tensors import DTYPES, QTensor, Quant, fitted, random_quant, random_tensor, rng_of

SHAPES = [((1, 2), -1), ((1, 3), -1), ((1, 10), -1), ((1, 12), 1), ((3, 17), -1), ((1, 100), -1), ((1, 1000), -1),
          ((1, 1001), -1), ((1, 5, 3, 3), 1), ((2, 7, 4), 0), ((2, 3, 33), 2)]
PATTERNS = ["equal", "one_high", "one_low", "two_high", "all_low", "ramp"]
SCALES = {"fine": 0.0021, "usual": 0.021, "peaked": 0.093, "coarse": 0.73, "huge": 11.0}
PROBABILITY = {"i8": (1 / 256, -128), "u8": (1 / 256, 0)}
LOG_PROBABILITY = {"i8": (16 / 256, 127), "u8": (16 / 256, 255)}


def cases():
    for op in ("Softmax", "LogSoftmax"):
        for act in ("i8", "u8"):
            for shape, axis in SHAPES:
                yield softmax(op, shape, axis, act, "random", "usual")
            for pattern in PATTERNS:
                yield softmax(op, (1, 31), -1, act, pattern, "usual")
            for scale in SCALES:
                yield softmax(op, (2, 33), -1, act, "random", scale)
            yield fitted_output(op, act)
    for act in ("i8", "u8"):
        yield from argmax_cases(act)


def softmax(op, shape, axis, act, pattern, scale):
    """The output parameters that exporters fix for probabilities, and a range of [-16, 0] for their logarithms."""
    size = "x".join(map(str, shape))
    name = f"{op.lower()}_{size}_axis{str(axis).replace('-', 'm')}_{pattern}_{scale}_{act}"
    x = logits(name, shape, act, pattern, SCALES[scale])
    step, zero = (PROBABILITY if op == "Softmax" else LOG_PROBABILITY)[act]
    return softmax_case(name, op, x, axis, Quant(DTYPES[act], np.float32(step), zero))


def fitted_output(op, act):
    name = f"{op.lower()}_fitted_output_{act}"
    x = logits(name, (4, 17), act, "random", 0.031)
    return softmax_case(name, op, x, -1, fitted(REAL[op](x.real, -1), act))


def softmax_case(name, op, x, axis, quant):
    graph = Graph()
    graph.quantized_output(graph.node(op, [graph.activation(x)], axis=axis), quant)
    return by_float64(name, op, "softmax", graph, contract.quantize_real(REAL[op](x.real, axis), quant))


def log_softmax(x, axis):
    moved = x - x.max(axis, keepdims=True)
    return moved - np.log(np.exp(moved).sum(axis, keepdims=True))


REAL = {"Softmax": lambda x, axis: np.exp(log_softmax(x, axis)), "LogSoftmax": log_softmax}


def logits(name, shape, act, pattern, scale):
    """Logits of a named pattern; the places of the odd ones are drawn."""
    rng = rng_of(name)
    quant = random_quant(rng, act, scale)
    if pattern == "random":
        return random_tensor(rng, shape, quant)
    low, high = quant.low, quant.high
    flat = np.full(int(np.prod(shape)), {"equal": quant.zero + 5, "one_low": high, "ramp": 0}.get(pattern, low))
    places = rng.choice(flat.size, 2, replace=False)
    if pattern in ("one_high", "one_low"):
        flat[places[0]] = high if pattern == "one_high" else low
    elif pattern == "two_high":
        flat[places] = high
    elif pattern == "ramp":
        flat = np.linspace(low, high, flat.size).astype(int)
    return QTensor(flat.reshape(shape).astype(quant.dtype), quant)


# --- ArgMax ----------------------------------------------------------------------------------------------------------

def argmax_cases(act):
    for shape, axis in SHAPES:
        yield argmax(shape, axis, act, "random", False, True)
    for pattern in ("equal", "two_high", "one_high", "one_low"):
        for last in (False, True):
            yield argmax((1, 31), 1, act, pattern, last, False)
    yield argmax((2, 4, 5, 3), 1, act, "few_values", False, False)
    yield argmax((2, 4, 5, 3), 1, act, "few_values", True, True)
    yield argmax((3, 17), -1, act, "random", False, False, op="ArgMin")


def argmax(shape, axis, act, pattern, last, keep, op="ArgMax"):
    """The output is int64; of equal maxima the first wins, or the last if so asked."""
    size = "x".join(map(str, shape))
    name = f"{op.lower()}_{size}_axis{str(axis).replace('-', 'm')}_{pattern}{'_last' if last else ''}" \
           f"{'' if keep else '_drop'}_{act}"
    x = few_values(name, shape, act) if pattern == "few_values" else logits(name, shape, act, pattern, 0.09)
    graph = Graph()
    attributes = {"axis": axis, "keepdims": int(keep), **({"select_last_index": 1} if last else {})}
    graph.output(graph.node(op, [graph.activation(x)], **attributes), np.int64)
    return integer(name, op, "argmax", graph, winners(x.centered, axis, last, keep, op))


def few_values(name, shape, act):
    rng = rng_of(name)
    quant = random_quant(rng, act)
    return QTensor((quant.zero + rng.randint(-1, 2, shape)).astype(quant.dtype), quant)


def winners(values, axis, last, keep, op):
    values = values if op == "ArgMax" else -values
    if last:
        found = values.shape[axis] - 1 - np.flip(values, axis).argmax(axis)
    else:
        found = values.argmax(axis)
    return np.expand_dims(found, axis) if keep else found
