"""Convolution: plain, grouped, depthwise, one- and two-dimensional, and old models with unsigned weights."""

from dataclasses import dataclass

import numpy as np

from . import contract
from .case import integer, oracle_only
from .graph import Graph
from .tensors import QTensor, Quant, fitted, random_activation, random_bias, random_weight, rng_of


@dataclass(frozen=True)
class Spec:
    """Shape and attributes of a convolution; `pads` may be "SAME_UPPER" or "SAME_LOWER"."""

    label: str
    shape: tuple
    channels: int
    kernel: tuple
    strides: tuple = ()
    pads: object = ()
    dilations: tuple = ()
    group: int = 1
    bias: bool = True
    after: str = ""

    @property
    def rank(self):
        return len(self.kernel)

    @property
    def steps(self):
        return self.strides or (1,) * self.rank

    @property
    def holes(self):
        return self.dilations or (1,) * self.rank

    @property
    def borders(self):
        if isinstance(self.pads, str):
            return contract.same_pads(self.shape[2:], self.kernel, self.steps, self.pads == "SAME_UPPER")
        return list(self.pads) or [0] * (2 * self.rank)

    @property
    def weight_shape(self):
        return (self.channels, self.shape[1] // self.group, *self.kernel)

    @property
    def category(self):
        if self.group > 1 and self.group == self.shape[1]:
            return "depthwise"
        return "conv"

    def attributes(self):
        """ONNX attributes, those with default values left out."""
        optional = {"strides": self.strides, "dilations": self.dilations}
        found = {key: list(value) for key, value in optional.items() if value}
        if isinstance(self.pads, str):
            found["auto_pad"] = self.pads
        elif self.pads:
            found["pads"] = list(self.pads)
        if self.group > 1:
            found["group"] = self.group
        return {"kernel_shape": list(self.kernel), **found}


SAME3, SAME5 = (1, 1, 1, 1), (2, 2, 2, 2)

PLAIN = [
    Spec("1x1_c3_5", (1, 3, 5, 5), 5, (1, 1)),
    Spec("1x1_c16_17", (1, 16, 4, 4), 17, (1, 1)),
    Spec("1x1_c17_33", (1, 17, 3, 5), 33, (1, 1)),
    Spec("1x1_c64_31", (1, 64, 3, 3), 31, (1, 1)),
    Spec("1x1_c33_16_nobias", (1, 33, 3, 3), 16, (1, 1), bias=False),
    Spec("1x1_s2_c5_16", (1, 5, 7, 7), 16, (1, 1), strides=(2, 2)),
    Spec("1x1_c16_64_relu", (1, 16, 3, 3), 64, (1, 1), after="relu"),
    Spec("1x1_batch2_c5_3", (2, 5, 4, 3), 3, (1, 1)),
    Spec("1x1_pixel_c64_16", (1, 64, 1, 1), 16, (1, 1)),
    Spec("3x3_valid_c3_16", (1, 3, 7, 6), 16, (3, 3)),
    Spec("3x3_same_c3_5", (1, 3, 8, 8), 5, (3, 3), pads=SAME3),
    Spec("3x3_same_c5_17_relu6", (1, 5, 5, 5), 17, (3, 3), pads=SAME3, after="relu6"),
    Spec("3x3_same_c17_5", (1, 17, 5, 4), 5, (3, 3), pads=SAME3),
    Spec("3x3_same_c16_16_relu", (1, 16, 4, 5), 16, (3, 3), pads=SAME3, after="relu"),
    Spec("3x3_same_batch3_c3_3", (3, 3, 4, 4), 3, (3, 3), pads=SAME3),
    Spec("3x3_s2_end_pads_c3_16", (1, 3, 8, 8), 16, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1)),
    Spec("3x3_s2_begin_pads_c5_3", (1, 5, 7, 7), 3, (3, 3), strides=(2, 2), pads=(1, 1, 0, 0)),
    Spec("3x3_four_pads_c3_5", (1, 3, 5, 6), 5, (3, 3), pads=(0, 2, 1, 0)),
    Spec("3x3_s2_s1_c3_5", (1, 3, 8, 5), 5, (3, 3), strides=(2, 1), pads=SAME3),
    Spec("3x3_s3_c3_5", (1, 3, 10, 10), 5, (3, 3), strides=(3, 3)),
    Spec("3x3_d2_c3_5", (1, 3, 8, 8), 5, (3, 3), pads=SAME5, dilations=(2, 2)),
    Spec("3x3_d1_d3_c3_3", (1, 3, 5, 9), 3, (3, 3), pads=(1, 3, 1, 3), dilations=(1, 3)),
    Spec("3x3_one_pixel_c5_16", (1, 5, 1, 1), 16, (3, 3), pads=SAME3),
    Spec("3x3_auto_upper_s2_c3_5", (1, 3, 8, 7), 5, (3, 3), strides=(2, 2), pads="SAME_UPPER"),
    Spec("3x3_auto_lower_s2_c3_5", (1, 3, 8, 7), 5, (3, 3), strides=(2, 2), pads="SAME_LOWER"),
    Spec("5x5_same_c3_5", (1, 3, 6, 6), 5, (5, 5), pads=SAME5),
    Spec("5x5_s2_c5_3", (1, 5, 9, 9), 3, (5, 5), strides=(2, 2), pads=SAME5),
    Spec("7x7_s2_c3_3", (1, 3, 11, 11), 3, (7, 7), strides=(2, 2), pads=(3, 3, 3, 3)),
    Spec("1x7_c3_5", (1, 3, 4, 9), 5, (1, 7), pads=(0, 3, 0, 3)),
    Spec("10x4_s2_c1_16", (1, 1, 13, 8), 16, (10, 4), strides=(2, 2), pads=(4, 1, 5, 1)),
    Spec("2x2_s2_c3_31", (1, 3, 6, 6), 31, (2, 2), strides=(2, 2)),
    Spec("3x3_group2_c6_10", (1, 6, 5, 5), 10, (3, 3), pads=SAME3, group=2),
    Spec("1x1_group3_c9_15", (1, 9, 4, 4), 15, (1, 1), group=3),
    Spec("3x3_group4_c16_8_s2", (1, 16, 6, 6), 8, (3, 3), strides=(2, 2), pads=SAME3, group=4),
    Spec("1d_k3_c5_16", (1, 5, 17), 16, (3,), pads=(1, 1)),
    Spec("1d_k9_s2_c3_5", (1, 3, 31), 5, (9,), strides=(2,), pads=(4, 4)),
    Spec("1d_k1_c17_33", (1, 17, 5), 33, (1,)),
    Spec("1d_k3_d4_c3_5", (1, 3, 20), 5, (3,), dilations=(4,)),
    Spec("1d_causal_c3_5", (1, 3, 12), 5, (4,), pads=(3, 0)),
]

DEPTHWISE = [
    Spec("3x3_c3", (1, 3, 6, 6), 3, (3, 3), pads=SAME3, group=3),
    Spec("3x3_c5_relu6", (1, 5, 5, 7), 5, (3, 3), pads=SAME3, group=5, after="relu6"),
    Spec("3x3_c16", (1, 16, 4, 4), 16, (3, 3), pads=SAME3, group=16),
    Spec("3x3_c17_relu", (1, 17, 4, 4), 17, (3, 3), pads=SAME3, group=17, after="relu"),
    Spec("3x3_c31_nobias", (1, 31, 3, 3), 31, (3, 3), pads=SAME3, group=31, bias=False),
    Spec("3x3_c33_valid", (1, 33, 4, 4), 33, (3, 3), group=33),
    Spec("3x3_c64", (1, 64, 3, 3), 64, (3, 3), pads=SAME3, group=64),
    Spec("3x3_s2_c16", (1, 16, 7, 7), 16, (3, 3), strides=(2, 2), pads=SAME3, group=16),
    Spec("3x3_s2_end_pads_c17", (1, 17, 6, 6), 17, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1), group=17),
    Spec("3x3_s2_batch2_c3", (2, 3, 5, 5), 3, (3, 3), strides=(2, 2), pads=SAME3, group=3),
    Spec("3x3_d2_c5", (1, 5, 6, 6), 5, (3, 3), pads=SAME5, dilations=(2, 2), group=5),
    Spec("5x5_c5", (1, 5, 6, 6), 5, (5, 5), pads=SAME5, group=5),
    Spec("5x5_s2_c17", (1, 17, 5, 5), 17, (5, 5), strides=(2, 2), pads=SAME5, group=17),
    Spec("3x3_x2_c5_10", (1, 5, 5, 5), 10, (3, 3), pads=SAME3, group=5),
    Spec("3x3_x2_c16_32", (1, 16, 3, 3), 32, (3, 3), pads=SAME3, group=16),
    Spec("3x3_x3_c3_9_s2", (1, 3, 6, 6), 9, (3, 3), strides=(2, 2), pads=SAME3, group=3),
    Spec("whole_5x5_c16", (1, 16, 5, 5), 16, (5, 5), group=16),
    Spec("1d_k3_c17", (1, 17, 9), 17, (3,), pads=(1, 1), group=17),
    Spec("1d_k5_s2_c5", (1, 5, 13), 5, (5,), strides=(2,), pads=(2, 2), group=5),
]

UNSIGNED = [
    Spec("1x1_c17_5", (1, 17, 4, 4), 5, (1, 1)),
    Spec("1x1_c16_33_relu", (1, 16, 3, 3), 33, (1, 1), after="relu"),
    Spec("3x3_same_c3_16", (1, 3, 6, 6), 16, (3, 3), pads=SAME3),
    Spec("3x3_s2_end_pads_c5_17_relu6", (1, 5, 6, 6), 17, (3, 3), strides=(2, 2), pads=(0, 0, 1, 1), after="relu6"),
    Spec("5x5_four_pads_c3_3", (1, 3, 7, 5), 3, (5, 5), pads=(2, 1, 1, 2)),
    Spec("3x3_d2_c3_5", (1, 3, 7, 7), 5, (3, 3), pads=SAME5, dilations=(2, 2)),
    Spec("3x3_group2_c6_10", (1, 6, 4, 4), 10, (3, 3), pads=SAME3, group=2),
    Spec("dw_3x3_c17", (1, 17, 4, 4), 17, (3, 3), pads=SAME3, group=17),
    Spec("dw_3x3_s2_c16", (1, 16, 5, 5), 16, (3, 3), strides=(2, 2), pads=SAME3, group=16),
    Spec("dw_3x3_x2_c5", (1, 5, 5, 5), 10, (3, 3), pads=SAME3, group=5),
    Spec("1d_k5_c5_3", (1, 5, 15), 3, (5,), pads=(2, 2)),
]


def cases():
    for index, spec in enumerate(PLAIN + DEPTHWISE):
        for act in ("i8", "u8"):
            for per_channel in (False, True):
                if index % 3 == 0 or per_channel == (act == "i8"):
                    yield drawn(spec, act, "i8", per_channel)
    for spec in UNSIGNED:
        yield drawn(spec, "u8", "u8", False)
    yield from forms()


def drawn(spec, act, weights, per_channel):
    """A case with random operands. The category is part of the name."""
    prefix = "dw" if spec.category == "depthwise" and not spec.label.startswith("dw") else "conv"
    granularity = "pc" if per_channel else "pt"
    name = f"{prefix}_{spec.label}_{act}_w{weights}_{granularity}"
    rng = rng_of(name)
    x = random_activation(rng, spec.shape, act)
    w = random_weight(rng, spec.weight_shape, weights, per_channel)
    return build(name, spec, x, w, rng, state_zero=bool(rng.randint(2)))


def build(name, spec, x, w, rng, quant=None, ties=False, category=None, state_zero=True):
    """A convolution of given operands; output parameters are fitted to the results unless given."""
    acc = contract.conv(x.centered, w.centered, spec.steps, spec.holes, spec.borders, spec.group)
    bias = random_bias(rng, spec.channels, np.abs(acc).mean()) if spec.bias else None
    acc = acc if bias is None else acc + contract.channel_scale(bias, acc.ndim, 1)
    quant = quant or fit_to(acc, x, w)
    graph = conv_graph(spec, x, w, bias, quant, state_zero)
    exact = finish(acc, x, w, quant, spec.after)
    return integer(name, "Conv", category or spec.category, graph, exact, ties=ties)


def fit_to(acc, x, w, cover=0.9):
    scale = contract.channel_scale(w.scale, acc.ndim, 1)
    return fitted(acc * np.float64(x.quant.scale) * scale.astype(np.float64), x.quant.dtype, cover)


def conv_graph(spec, x, w, bias, quant, state_zero=True):
    graph = Graph(21 if w.per_channel and x.data.dtype == np.uint8 else 17)
    inputs = [graph.activation(x), graph.weight(w, state_zero)]
    if bias is not None:
        inputs.append(graph.bias(bias, x.quant.scale * w.scale))
    value = graph.node("Conv", inputs, **spec.attributes())
    graph.quantized_output(activate(graph, value, spec.after), quant)
    return graph


def activate(graph, value, after):
    """Append the activation that an exporter leaves between the operator and its QuantizeLinear."""
    if after == "relu":
        return graph.node("Relu", [value])
    if after == "relu6":
        return graph.node("Clip", [value, graph.floats(0), graph.floats(6)])
    return value


def finish(acc, x, w, quant, after=""):
    """Requantize an accumulator whose channels lie along axis 1, and clamp to the activation's bounds."""
    scale = contract.product_ratio(x.quant.scale, w.scale, quant.scale)
    data = contract.requantize(acc, contract.channel_scale(scale, acc.ndim, 1), quant)
    return contract.clip(data, quant, *BOUNDS[after])


BOUNDS = {"": (None, None), "relu": (0, None), "relu6": (0, 6)}


# --- other ways of writing the same thing ----------------------------------------------------------------------------

SMALL = Spec("3x3", (1, 3, 5, 5), 5, (3, 3), pads=SAME3)


def forms():
    for act in ("i8", "u8"):
        yield weight_on_the_fly(act)
        yield float_bias(act)
        yield foreign_bias_scale(act)
        yield vector_scales(act)
        yield no_kernel_shape(act)
        yield vector_activation_scales(act)
    yield no_zero_points()


def operands(name, act, per_channel=True):
    rng = rng_of(name)
    return rng, random_activation(rng, SMALL.shape, act), random_weight(rng, SMALL.weight_shape, "i8", per_channel)


def weight_on_the_fly(act):
    """Float weights with a QuantizeLinear of their own, as quantization-aware training exports them."""
    name = f"conv_form_float_weight_qdq_{act}"
    rng, x, w = operands(name, act)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    scale, zero = graph.constant(w.scale), graph.constant(w.zero_array)
    stored = graph.node("QuantizeLinear", [graph.floats(w.real), scale, zero], axis=0)
    weights = graph.node("DequantizeLinear", [stored, scale, zero], axis=0)
    value = graph.node("Conv", [graph.activation(x), weights], **SMALL.attributes())
    graph.quantized_output(value, quant)
    return integer(name, "Conv", "form", graph, finish(acc, x, w, quant))


def float_bias(act):
    """A bias that was left in float, no multiple of the accumulator's quantum."""
    name = f"conv_form_float_bias_{act}"
    rng, x, w = operands(name, act)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    bias = graph.floats(rng.uniform(-20, 20, SMALL.channels) * quant.scale)
    value = graph.node("Conv", [graph.activation(x), graph.weight(w), bias], **SMALL.attributes())
    graph.quantized_output(value, quant)
    return oracle_only(name, "Conv", "form", graph)


def foreign_bias_scale(act):
    """A quantized bias whose scale is not the product of the operands' scales."""
    name = f"conv_form_foreign_bias_scale_{act}"
    rng, x, w = operands(name, act)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    bias = graph.bias(random_bias(rng, SMALL.channels, 3000), quant.scale * np.float32(0.00731))
    value = graph.node("Conv", [graph.activation(x), graph.weight(w), bias], **SMALL.attributes())
    graph.quantized_output(value, quant)
    return oracle_only(name, "Conv", "form", graph)


def vector_scales(act):
    """A per-tensor weight scale stored as a vector of length one."""
    name = f"conv_form_vector_scale_{act}"
    rng, x, w = operands(name, act, per_channel=False)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    parts = [graph.constant(w.data), graph.constant(w.scale.reshape(1)), graph.constant(w.zero_array.reshape(1))]
    value = graph.node("Conv", [graph.activation(x), graph.node("DequantizeLinear", parts)], **SMALL.attributes())
    graph.quantized_output(value, quant)
    return integer(name, "Conv", "form", graph, finish(acc, x, w, quant))


def no_kernel_shape(act):
    """Attributes left to be inferred from the weights."""
    name = f"conv_form_no_kernel_shape_{act}"
    rng, x, w = operands(name, act)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, [0] * 4, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    graph.quantized_output(graph.node("Conv", [graph.activation(x), graph.weight(w)]), quant)
    return integer(name, "Conv", "form", graph, finish(acc, x, w, quant))


def vector_activation_scales(act):
    """The activation's scale and zero point stored as vectors of length one."""
    name = f"conv_form_vector_activation_scale_{act}"
    rng, x, w = operands(name, act)
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = fit_to(acc, x, w)
    graph = Graph()
    parts = [graph.constant(x.quant.scale.reshape(1)), graph.constant(x.quant.zero_array.reshape(1))]
    activation = graph.node("DequantizeLinear", [graph.raw_input(x.data), *parts])
    graph.quantized_output(graph.node("Conv", [activation, graph.weight(w)], **SMALL.attributes()), quant)
    return integer(name, "Conv", "form", graph, finish(acc, x, w, quant))


def no_zero_points():
    """No zero point anywhere: the output is then uint8, and all zero points are 0."""
    name = "conv_form_no_zero_points_u8"
    rng, drawn_x, w = operands(name, "u8")
    x = QTensor(drawn_x.data, Quant(drawn_x.data.dtype, drawn_x.quant.scale, 0))
    acc = contract.conv(x.centered, w.centered, SMALL.steps, SMALL.holes, SMALL.borders, 1)
    quant = Quant(x.data.dtype, fit_to(acc, x, w).scale, 0)
    graph = Graph()
    activation = graph.node("DequantizeLinear", [graph.raw_input(x.data), graph.constant(x.quant.scale)])
    value = graph.node("Conv", [activation, graph.weight(w, state_zero=False)], **SMALL.attributes())
    graph.output(graph.node("QuantizeLinear", [value, graph.constant(quant.scale)]), np.uint8)
    return integer(name, "Conv", "form", graph, finish(acc, x, w, quant))
