"""A few blocks of several operators, quantized between each two: what fusion across operators must not change."""

import numpy as np

from . import contract, conv
from .case import integer
from .conv import Spec
from .graph import Graph
from .tensors import QTensor, fitted, random_activation, random_bias, random_weight, rng_of


def cases():
    for act in ("i8", "u8"):
        for per_channel in (False, True):
            yield inverted_residual(act, per_channel)
            yield residual(act, per_channel)
            yield separable(act, per_channel)
            yield head(act, per_channel)
        yield branches(act)
        yield squeeze_excite(act)


class Chain:
    """Builds a quantized graph and its exact answer side by side. `tensor` is the answer so far."""

    def __init__(self, name, shape, act, per_channel=True):
        self.name, self.act, self.per_channel = name, act, per_channel
        self.rng = rng_of(name)
        self.graph = Graph()
        self.tensor = random_activation(self.rng, shape, act)
        self.value = self.graph.activation(self.tensor)

    def store(self, value, quant, data):
        """Quantize a float value and go on from there."""
        self.quantized = self.graph.quantized(value, quant)
        self.value = self.graph.dequantized(self.quantized, quant)
        self.tensor = QTensor(data, quant)
        return self

    def conv(self, channels, kernel=1, stride=1, depthwise=False, after=""):
        shape, half = self.tensor.data.shape, kernel // 2
        spec = Spec("", shape, channels, (kernel, kernel), (stride, stride), (half,) * 4,
                    group=shape[1] if depthwise else 1, after=after)
        w = random_weight(self.rng, spec.weight_shape, "i8", self.per_channel)
        acc = contract.conv(self.tensor.centered, w.centered, spec.steps, spec.holes, spec.borders, spec.group)
        bias = random_bias(self.rng, channels, np.abs(acc).mean())
        acc = acc + contract.channel_scale(bias, acc.ndim, 1)
        quant = conv.fit_to(acc, self.tensor, w, 0.8)
        parts = [self.value, self.graph.weight(w), self.graph.bias(bias, self.tensor.quant.scale * w.scale)]
        value = conv.activate(self.graph, self.graph.node("Conv", parts, **spec.attributes()), after)
        return self.store(value, quant, conv.finish(acc, self.tensor, w, quant, after))

    def add(self, other_value, other, after=""):
        quant = fitted(self.tensor.real + other.real, self.act)
        value = conv.activate(self.graph, self.graph.node("Add", [self.value, other_value]), after)
        exact = contract.clip(contract.add(self.tensor, other, quant), quant, *conv.BOUNDS[after])
        return self.store(value, quant, exact)

    def mul(self, other_value, other):
        quant = fitted(self.tensor.real * other.real, self.act)
        value = self.graph.node("Mul", [self.value, other_value])
        return self.store(value, quant, contract.mul(self.tensor, other, quant))

    def pool(self):
        total = self.tensor.centered.sum((2, 3), keepdims=True)
        count = self.tensor.data.size // total.size
        quant = fitted(total / count * np.float64(self.tensor.quant.scale), self.act)
        value = self.graph.node("GlobalAveragePool", [self.value])
        return self.store(value, quant, contract.mean_requantize(total, count, self.tensor.quant, quant))

    def flatten(self):
        value = self.graph.node("Flatten", [self.value])
        return self.store(value, self.tensor.quant, self.tensor.data.reshape(self.tensor.data.shape[0], -1))

    def gemm(self, outputs):
        w = random_weight(self.rng, (outputs, self.tensor.data.shape[1]), "i8", self.per_channel)
        acc = self.tensor.centered @ w.centered.T
        bias = random_bias(self.rng, outputs, np.abs(acc).mean())
        acc = acc + bias
        quant = conv.fit_to(acc, self.tensor, w)
        parts = [self.value, self.graph.weight(w), self.graph.bias(bias, self.tensor.quant.scale * w.scale)]
        value = self.graph.node("Gemm", parts, transB=1)
        return self.store(value, quant, conv.finish(acc, self.tensor, w, quant))

    def case(self, op="Conv"):
        self.graph.output(self.quantized, self.tensor.quant.dtype)
        return integer(self.name, op, "block", self.graph, self.tensor.data)


def named(label, act, per_channel):
    return f"block_{label}_{act}_{'pc' if per_channel else 'pt'}"


def inverted_residual(act, per_channel):
    """Expand, depthwise, project, add the input."""
    chain = Chain(named("inverted_residual", act, per_channel), (1, 5, 5, 5), act, per_channel)
    start = (chain.value, chain.tensor)
    return chain.conv(17, after="relu6").conv(17, 3, depthwise=True, after="relu6").conv(5).add(*start).case()


def residual(act, per_channel):
    """Two 3x3 convolutions, add the input, then Relu."""
    chain = Chain(named("residual", act, per_channel), (1, 5, 6, 6), act, per_channel)
    start = (chain.value, chain.tensor)
    return chain.conv(5, 3, after="relu").conv(5, 3).add(*start, after="relu").case()


def separable(act, per_channel):
    """Depthwise with stride 2, then pointwise."""
    chain = Chain(named("separable", act, per_channel), (1, 16, 6, 6), act, per_channel)
    return chain.conv(16, 3, 2, True, "relu").conv(33, after="relu").case()


def head(act, per_channel):
    """Pointwise, global pool, flatten, classifier."""
    chain = Chain(named("head", act, per_channel), (1, 5, 4, 4), act, per_channel)
    return chain.conv(17, after="relu").pool().flatten().gemm(10).case()


def branches(act):
    """One tensor feeds two convolutions whose results are concatenated under one scale."""
    chain = Chain(f"block_branches_{act}", (1, 5, 4, 4), act)
    start = (chain.value, chain.tensor)
    first = chain.conv(3, after="relu")
    left = (first.value, first.tensor)
    chain.value, chain.tensor = start
    chain.conv(17, 3)
    right = (chain.value, chain.tensor)
    quant = fitted(np.concatenate([left[1].real, right[1].real], 1), act)
    value = chain.graph.node("Concat", [left[0], right[0]], axis=1)
    exact = np.concatenate([contract.convert(tensor, quant) for _, tensor in (left, right)], 1)
    return chain.store(value, quant, exact).case("Concat")


def squeeze_excite(act):
    """Squeeze and excite: pool, two pointwise layers, multiply."""
    chain = Chain(f"block_squeeze_excite_{act}", (1, 16, 4, 4), act)
    start = (chain.value, chain.tensor)
    return chain.pool().conv(5, after="relu").conv(16).mul(*start).case("Mul")
