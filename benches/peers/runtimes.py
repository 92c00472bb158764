"""The runtimes that have a Python package: a class each, with one thread and without copies in `run`.

A class imports its package when it is made, so that `library` can be timed, and loads the model in `load`.
"""

import numpy as np


class OnnxRuntime:
    def __init__(self):
        import onnxruntime

        self.library = onnxruntime

    def load(self, model, inputs):
        options = self.library.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = self.library.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = session.io_binding()
        for name, array in inputs.items():
            self.binding.bind_cpu_input(name, array)
        self.binding.bind_output(session.get_outputs()[0].name)
        self.session = session

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        return self.binding.copy_outputs_to_cpu()[0]


class LiteRt:
    def __init__(self):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter_of = Interpreter

    def load(self, model, inputs):
        interpreter = self.interpreter_of(model, num_threads=1)
        interpreter.allocate_tensors()
        into, self.out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.set_tensor(into["index"], _quantized(_channels_last(inputs, into["shape"]), into))
        self.interpreter, self.run = interpreter, interpreter.invoke

    def output(self):
        return _floats(self.interpreter.get_tensor(self.out["index"]), self.out)


class OpenVino:
    def __init__(self):
        import openvino

        self.library = openvino

    def load(self, model, inputs):
        core = self.library.Core()
        net = core.read_model(model)
        if any(port.partial_shape.is_dynamic for port in net.inputs) or any(
            list(port.shape) != list(inputs[port.any_name].shape) for port in net.inputs
        ):
            net.reshape({port.any_name: list(inputs[port.any_name].shape) for port in net.inputs})
        config = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        # Floats stay floats, and the process's own pinning counts.
        config |= {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
        self.request = core.compile_model(net, "CPU", config).create_infer_request()
        for port in net.inputs:
            tensor = self.library.Tensor(inputs[port.any_name], shared_memory=True)
            self.request.set_tensor(port.any_name, tensor)

    def run(self):
        self.request.start_async()
        self.request.wait()

    def output(self):
        return np.array(self.request.get_output_tensor(0).data, dtype=np.float32)


class Ncnn:
    """Takes what `pnnx` made of the ONNX file: `<model>.param` and `<model>.bin`."""

    def __init__(self):
        import ncnn

        self.library = ncnn

    def load(self, model, inputs):
        net = self.library.Net()
        net.opt.num_threads = 1
        net.opt.use_vulkan_compute = False
        if net.load_param(model) or net.load_model(model.removesuffix(".param") + ".bin"):
            raise RuntimeError("ncnn can't load the model")
        (array,) = inputs.values()
        self.net, self.given = net, self.library.Mat(np.ascontiguousarray(array[0])).clone()
        self.names = net.input_names()[0], net.output_names()[0]

    def run(self):
        extractor = self.net.create_extractor()
        extractor.input(self.names[0], self.given)
        self.last = extractor.extract(self.names[1])[1]

    def output(self):
        return np.array(self.last, dtype=np.float32)


RUNTIMES = {"onnxruntime": OnnxRuntime, "litert": LiteRt, "openvino": OpenVino, "ncnn": Ncnn}


def _channels_last(inputs, shape):
    """The one input in the shape of a .tflite file, which has an image's channels last."""
    (array,) = inputs.values()
    if array.ndim == 4 and list(shape) != list(array.shape):
        array = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    return array.reshape(shape)


def _quantized(array, details):
    if details["dtype"] == np.float32:
        return array
    (scale, zero), bounds = details["quantization"], np.iinfo(details["dtype"])
    return np.clip(np.round(array / scale) + zero, bounds.min, bounds.max).astype(details["dtype"])


def _floats(array, details):
    if details["dtype"] == np.float32:
        return array
    scale, zero = details["quantization"]
    return (array.astype(np.float32) - zero) * scale


def tflite_input(model, inputs):
    """The one input as a .tflite file takes it."""
    details = _interpreter(model).get_input_details()[0]
    return _quantized(_channels_last(inputs, details["shape"]), details)


def tflite_output(model, array):
    """What the elements of a .tflite file's output stand for."""
    return _floats(array, _interpreter(model).get_output_details()[0])


def input_grid(model):
    """Scale, zero point and integer type of a .tflite file's input; `None` when it takes floats."""
    details = _interpreter(model).get_input_details()[0]
    if details["dtype"] == np.float32:
        return None
    scale, zero = details["quantization"]
    return float(scale), int(zero), np.dtype(details["dtype"]).name


def _interpreter(model):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(str(model), num_threads=1)
