"""Make two small models with several heads, and what ONNX Runtime says of some inputs.

Every case is one entry folder of the zip:

    <case>/model.onnx               several outputs, of which the first one and those that cases.json names are classifiers
    <case>/<sample>/input_0.pb      the model's only input
    <case>/<sample>/output_<i>.pb   ONNX Runtime's answer on the CPU with graph optimizations disabled

and cases.json describes each case:

    samples     how many there are
    heads       the further heads' names, each with its output's place, `softmax`, which says whether probabilities are still to be made,
                and where the output is quantized its `scale` and `zero`
    tolerance   largest allowed difference of a real

To reproduce the committed file:

    pip install -r requirements.txt
    python make_heads.py heads.zip
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from fixture_zip import FixtureZip

SAMPLES = 8
SIDE = 6
STEP = 0.05
"""One quantum of every quantized tensor of activations."""


def weights(draw, shape):
    return (draw.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def model(nodes, outputs, constants):
    graph = helper.make_graph(
        nodes,
        "heads",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, kind, [1, classes]) for name, kind, classes in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def float_model(draw):
    """A convolution, the mean of its channels, and what three products make of it."""
    constants = {
        "filters": weights(draw, (8, 3, 3, 3)),
        "animals": weights(draw, (5, 8)) * 8,
        "scenes": weights(draw, (3, 8)) * 8,
        "nights": weights(draw, (2, 8)) * 8,
    }
    nodes = [
        helper.make_node("Conv", ["picture", "filters"], ["c"], pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["features"]),
        helper.make_node("Gemm", ["features", "animals"], ["animal"], transB=1),
        helper.make_node("Gemm", ["features", "scenes"], ["scene"], transB=1),
        helper.make_node("Gemm", ["features", "nights"], ["n"], transB=1),
        helper.make_node("Sigmoid", ["n"], ["night"]),
    ]
    kinds = [("animal", 5), ("features", 8), ("scene", 3), ("night", 2)]
    made = model(nodes, [(name, TensorProto.FLOAT, classes) for name, classes in kinds], constants)
    return made, {"scene": {"output": 2, "softmax": True}, "night": {"output": 3, "softmax": False}}


def quantized_model(draw):
    """The same in QDQ; the second head's output is quantized."""
    constants = {
        "step": np.float32(STEP),
        "zero": np.uint8(128),
        "fine": np.float32(1 / 128),
        "none": np.int8(0),
    }
    nodes = []

    def rounded(name):
        nodes.append(helper.make_node("QuantizeLinear", [name, "step", "zero"], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", "step", "zero"], [f"{name}_d"]))
        return f"{name}_d"

    def constant(name, shape):
        constants[f"{name}_q"] = draw.integers(-127, 128, shape, dtype=np.int8)
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", "fine", "none"], [name]))
        return name

    x = rounded("picture")
    nodes.append(helper.make_node("Conv", [x, constant("filters", (8, 3, 3, 3))], ["c"], pads=[1] * 4))
    x = rounded("c")
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["p"]))
    nodes.append(helper.make_node("Flatten", [rounded("p")], ["f"]))
    x = rounded("f")
    nodes.append(helper.make_node("Gemm", [x, constant("animals", (5, 8))], ["a"], transB=1))
    nodes.append(helper.make_node("Identity", [rounded("a")], ["animal"]))
    nodes.append(helper.make_node("Gemm", [x, constant("scenes", (3, 8))], ["s"], transB=1))
    nodes.append(helper.make_node("QuantizeLinear", ["s", "step", "zero"], ["scene"]))
    outputs = [("animal", TensorProto.FLOAT, 5), ("scene", TensorProto.UINT8, 3)]
    return model(nodes, outputs, constants), {"scene": {"output": 1, "softmax": True, "scale": STEP, "zero": 128}}


CASES = {"float": (float_model, 1e-5), "quantized": (quantized_model, STEP * 1.01)}


def add(archive, name, make, tolerance):
    draw = np.random.default_rng(sum(name.encode()))
    made, heads = make(draw)
    archive.add(f"{name}/model.onnx", made.SerializeToString(deterministic=True))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, ["CPUExecutionProvider"])
    for sample in range(SAMPLES):
        picture = draw.uniform(-4, 4, (1, 3, SIDE, SIDE)).astype(np.float32)
        archive.add(f"{name}/{sample}/input_0.pb", numpy_helper.from_array(picture).SerializeToString())
        for index, output in enumerate(session.run(None, {"picture": picture})):
            archive.add(f"{name}/{sample}/output_{index}.pb", numpy_helper.from_array(output).SerializeToString())
    return {"samples": SAMPLES, "heads": heads, "tolerance": tolerance}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    with FixtureZip(parser.parse_args().output) as archive:
        cases = {name: add(archive, name, make, tolerance) for name, (make, tolerance) in CASES.items()}
        archive.add_json("cases.json", cases)


if __name__ == "__main__":
    main()
