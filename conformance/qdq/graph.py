"""A small builder of ONNX models around quantized tensors."""

import numpy as np
from onnx import helper, numpy_helper

IR_VERSIONS = {17: 8, 21: 10}
MICROSOFT = "com.microsoft"


class Graph:
    """Collects nodes, initializers, graph inputs with their values, and graph outputs."""

    def __init__(self, opset=17):
        self.opset = opset
        self.feeds = {}
        self.outputs = []
        self._nodes = []
        self._initializers = []
        self._domains = set()

    # Graph inputs and initializers; each returns a value's name.

    def raw_input(self, array):
        name = f"x{len(self.feeds)}"
        self.feeds[name] = np.ascontiguousarray(array)
        return name

    def constant(self, array):
        name = f"c{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def floats(self, value):
        return self.constant(np.asarray(value, np.float32))

    def ints(self, value):
        return self.constant(np.asarray(value, np.int64))

    def scale_and_zero(self, quant):
        return [self.constant(np.asarray(quant.scale, np.float32)), self.constant(quant.zero_array)]

    # Quantize and dequantize.

    def activation(self, tensor):
        """A quantized graph input, dequantized."""
        return self.dequantized(self.raw_input(tensor.data), tensor.quant)

    def constant_activation(self, tensor):
        """A quantized initializer with parameters of its own, dequantized."""
        return self.dequantized(self.constant(tensor.data), tensor.quant)

    def dequantized(self, name, quant):
        return self.node("DequantizeLinear", [name, *self.scale_and_zero(quant)])

    def weight(self, weight, state_zero=True):
        """Quantized weights, dequantized. A zero point of 0 may be left out."""
        inputs = [self.constant(weight.data), self.constant(weight.scale)]
        if state_zero or weight.zero:
            inputs.append(self.constant(weight.zero_array))
        attributes = {"axis": weight.axis} if weight.per_channel else {}
        return self.node("DequantizeLinear", inputs, **attributes)

    def bias(self, values, scale):
        """An int32 bias, dequantized by one scale or one for each channel."""
        scale = np.asarray(scale, np.float32)
        attributes = {"axis": 0} if scale.ndim else {}
        zero = np.zeros(scale.shape, np.int32)
        return self.node("DequantizeLinear", [self.constant(values), self.constant(scale), self.constant(zero)],
                         **attributes)

    def quantized(self, value, quant):
        return self.node("QuantizeLinear", [value, *self.scale_and_zero(quant)])

    # Nodes and outputs.

    def node(self, operator, inputs, domain="", **attributes):
        return self.nodes(operator, inputs, 1, domain, **attributes)[0]

    def nodes(self, operator, inputs, count, domain="", **attributes):
        names = [f"v{len(self._nodes)}_{index}" for index in range(count)]
        label = f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, names, name=label, domain=domain, **attributes))
        self._domains.add(domain)
        return names

    def output(self, value, dtype):
        self.outputs.append((value, np.dtype(dtype)))

    def quantized_output(self, value, quant):
        self.output(self.quantized(value, quant), quant.dtype)

    def model(self, shapes):
        """The finished model; `shapes` are the outputs' shapes."""
        inputs = [value_info(name, array.dtype, array.shape) for name, array in self.feeds.items()]
        outputs = [value_info(name, dtype, shape) for (name, dtype), shape in zip(self.outputs, shapes)]
        graph = helper.make_graph(self._nodes, "case", inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        if MICROSOFT in self._domains:
            opsets.append(helper.make_opsetid(MICROSOFT, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSIONS[self.opset])


def value_info(name, dtype, shape):
    """`shape` None leaves the shape unstated."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def tensor_proto(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name)
