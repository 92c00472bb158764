"""Quantized operators: QLinearConv, QLinearMatMul and ONNX Runtime's com.microsoft set."""

import numpy as np

from . import contract, conv, pooling, tails, unary
from .case import by_float64, integer
from .conv import Spec
from .graph import MICROSOFT, Graph
from .tensors import DTYPES, Quant, fitted, random_activation, random_bias, random_quant, random_weight, rng_of

CONVS = [
    Spec("1x1_c17_33", (1, 17, 3, 3), 33, (1, 1)),
    Spec("3x3_same_c3_5", (1, 3, 5, 5), 5, (3, 3), pads=(1, 1, 1, 1)),
    Spec("3x3_s2_end_pads_c5_16", (1, 5, 6, 6), 16, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1)),
    Spec("5x5_s2_nobias_c3_3", (1, 3, 7, 7), 3, (5, 5), strides=(2, 2), pads=(2, 2, 2, 2), bias=False),
    Spec("3x3_d2_c3_5", (1, 3, 7, 7), 5, (3, 3), pads=(2, 2, 2, 2), dilations=(2, 2)),
    Spec("3x3_group2_c6_10", (1, 6, 4, 4), 10, (3, 3), pads=(1, 1, 1, 1), group=2),
    Spec("dw_3x3_c17", (1, 17, 4, 4), 17, (3, 3), pads=(1, 1, 1, 1), group=17),
    Spec("dw_3x3_s2_x2_c5", (1, 5, 6, 6), 10, (3, 3), strides=(2, 2), pads=(1, 1, 1, 1), group=5),
    Spec("1d_k3_c5_16", (1, 5, 11), 16, (3,), pads=(1, 1)),
]
KINDS = [("u8", "i8", False), ("u8", "i8", True), ("i8", "i8", False), ("i8", "i8", True), ("u8", "u8", False)]


def cases():
    for spec in CONVS:
        for act, weights, per_channel in KINDS:
            yield qlinear_conv(spec, act, weights, per_channel)
    for act, weights, per_channel in KINDS:
        for shapes in (((3, 17), (17, 5)), ((1, 64), (64, 33)), ((2, 3, 9), (9, 4))):
            yield qlinear_matmul(shapes, act, weights, per_channel)
        for m, k, n in ((1, 16, 10), (3, 33, 17)):
            for trans_b in (False, True):
                yield qgemm(m, k, n, act, weights, per_channel, trans_b)
    for act in ("i8", "u8"):
        yield from microsoft(act)


def weight_parts(graph, w):
    return [graph.constant(w.data), graph.constant(w.scale), graph.constant(w.zero_array)]


def quantized_parts(graph, tensor):
    """Input, scale and zero point of an activation that comes in quantized."""
    return [graph.raw_input(tensor.data), *graph.scale_and_zero(tensor.quant)]


def qlinear_conv(spec, act, weights, per_channel):
    name = f"qlinearconv_{spec.label}_{act}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = random_activation(rng, spec.shape, act)
    w = random_weight(rng, spec.weight_shape, weights, per_channel)
    return qlinear_conv_of(name, spec, x, w, rng)


def qlinear_conv_of(name, spec, x, w, rng, category="qlinear"):
    acc = contract.conv(x.centered, w.centered, spec.steps, spec.holes, spec.borders, spec.group)
    bias = random_bias(rng, spec.channels, np.abs(acc).mean()) if spec.bias else None
    acc = acc if bias is None else acc + contract.channel_scale(bias, acc.ndim, 1)
    quant = conv.fit_to(acc, x, w)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *weight_parts(graph, w), *graph.scale_and_zero(quant)]
    inputs += [] if bias is None else [graph.constant(bias)]
    graph.output(graph.node("QLinearConv", inputs, **spec.attributes()), quant.dtype)
    return integer(name, "QLinearConv", category, graph, conv.finish(acc, x, w, quant))


def qlinear_matmul(shapes, act, weights, per_channel):
    size = "_by_".join("x".join(map(str, shape)) for shape in shapes)
    name = f"qlinearmatmul_{size}_{act}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = random_activation(rng, shapes[0], act)
    w = random_weight(rng, shapes[1], weights, per_channel, axis=1)
    acc = x.centered @ w.centered
    quant = fitted(acc * np.float64(x.quant.scale) * w.scale.astype(np.float64), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *weight_parts(graph, w), *graph.scale_and_zero(quant)]
    graph.output(graph.node("QLinearMatMul", inputs), quant.dtype)
    exact = contract.requantize(acc, contract.product_ratio(x.quant.scale, w.scale, quant.scale), quant)
    return integer(name, "QLinearMatMul", "qlinear", graph, exact)


def qgemm(m, k, n, act, weights, per_channel, trans_b):
    name = f"qgemm_{m}x{k}x{n}{'_transb' if trans_b else ''}_{act}_w{weights}_{'pc' if per_channel else 'pt'}"
    rng = rng_of(name)
    x = random_activation(rng, (m, k), act)
    w = random_weight(rng, (n, k) if trans_b else (k, n), weights, per_channel, 0 if trans_b else 1)
    acc = x.centered @ (w.centered.T if trans_b else w.centered)
    bias = random_bias(rng, n, np.abs(acc).mean())
    acc = acc + bias
    quant = fitted(acc * np.float64(x.quant.scale) * w.scale.astype(np.float64), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *weight_parts(graph, w), graph.constant(bias), *graph.scale_and_zero(quant)]
    graph.output(graph.node("QGemm", inputs, MICROSOFT, **({"transB": 1} if trans_b else {})), quant.dtype)
    exact = contract.requantize(acc, contract.product_ratio(x.quant.scale, w.scale, quant.scale), quant)
    return integer(name, "QGemm", "qlinear", graph, exact)


# --- com.microsoft ---------------------------------------------------------------------------------------------------

def microsoft(act):
    for op in ("QLinearAdd", "QLinearMul"):
        for label, shapes in BINARY.items():
            yield binary(op, label, shapes, act)
    for channels_last in (False, True):
        yield global_average(channels_last, act)
    for pool in pooling.POOLS[:4]:
        yield average(pool, act, any(pool.pads))
    yield concat(act)
    for shape in ((1, 10), (2, 33), (1, 1000)):
        yield softmax(shape, act)
    yield unary_op("QLinearSigmoid", unary.sigmoid, act, {})
    yield unary_op("QLinearLeakyRelu", lambda x: np.where(x < 0, 0.1 * x, x), act, {"alpha": 0.1})


BINARY = {
    "same": ((1, 5, 4, 4), (1, 5, 4, 4)), "tail": ((1, 33), (1, 33)), "row": ((2, 3, 17), (17,)),
    "channel": ((1, 17, 3, 3), (1, 17, 1, 1)), "scalar": ((1, 3, 5), ()),
}


def emit(name, op, graph, inputs, quant, exact, make=integer, **attributes):
    graph.output(graph.node(op, inputs, MICROSOFT, **attributes), quant.dtype)
    return make(name, op, "qlinear", graph, exact)


def binary(op, label, shapes, act):
    name = f"{op.lower()}_{label}_{act}"
    rng = rng_of(name)
    a, b = random_activation(rng, shapes[0], act), random_activation(rng, shapes[1], act)
    real, exact = {"QLinearAdd": (np.add, contract.add), "QLinearMul": (np.multiply, contract.mul)}[op]
    quant = fitted(real(a.real, b.real), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, a), *quantized_parts(graph, b), *graph.scale_and_zero(quant)]
    return emit(name, op, graph, inputs, quant, exact(a, b, quant))


def global_average(channels_last, act):
    name = f"qlinearglobalaveragepool_{'nhwc' if channels_last else 'nchw'}_{act}"
    x = random_activation(rng_of(name), (2, 5, 6, 17) if channels_last else (2, 17, 5, 6), act)
    total = x.centered.sum((1, 2) if channels_last else (2, 3), keepdims=True)
    quant = fitted(total / 30 * np.float64(x.quant.scale), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *graph.scale_and_zero(quant)]
    exact = contract.mean_requantize(total, 30, x.quant, quant)
    return emit(name, "QLinearGlobalAveragePool", graph, inputs, quant, exact, channels_last=int(channels_last))


def average(pool, act, include_pad):
    name = f"qlinearaveragepool_{pool.label}{'_include_pad' if include_pad else ''}_{act}"
    x = random_activation(rng_of(name), pool.shape, act)
    kernel, strides, pads, dilations = pool.geometry()
    total = contract.windows(x.centered, kernel, strides, pads, 0, False, dilations).sum(0)
    count = contract.window_counts(pool.shape[2:], kernel, strides, pads, include_pad, False, dilations)
    quant = fitted(total / count * np.float64(x.quant.scale), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *graph.scale_and_zero(quant)]
    exact = contract.mean_requantize(total, count, x.quant, quant)
    return emit(name, "QLinearAveragePool", graph, inputs, quant, exact, **pool.attributes(),
                count_include_pad=int(include_pad))


def concat(act):
    name = f"qlinearconcat_{act}"
    rng = rng_of(name)
    parts = [random_activation(rng, shape, act) for shape in ((1, 3, 4), (1, 17, 4), (1, 1, 4))]
    quant = fitted(np.concatenate([part.real for part in parts], 1), act)
    graph = Graph()
    inputs = graph.scale_and_zero(quant)
    for part in parts:
        inputs += quantized_parts(graph, part)
    exact = np.concatenate([contract.convert(part, quant) for part in parts], 1)
    return emit(name, "QLinearConcat", graph, inputs, quant, exact, axis=1)


def softmax(shape, act):
    name = f"qlinearsoftmax_{'x'.join(map(str, shape))}_{act}"
    x = tails.logits(name, shape, act, "random", 0.09)
    step, zero = tails.PROBABILITY[act]
    quant = Quant(DTYPES[act], np.float32(step), zero)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *graph.scale_and_zero(quant)]
    exact = contract.quantize_real(tails.REAL["Softmax"](x.real, -1), quant)
    return emit(name, "QLinearSoftmax", graph, inputs, quant, exact, by_float64, axis=-1, opset=17)


def unary_op(op, real, act, attributes):
    name = f"{op.lower()}_{act}"
    x = unary.all_values(random_quant(rng_of(name), act, 0.041))
    quant = fitted(real(x.real), act)
    graph = Graph()
    inputs = [*quantized_parts(graph, x), *graph.scale_and_zero(quant)]
    return emit(name, op, graph, inputs, quant, contract.table(real, x, quant), by_float64, **attributes)
