"""Make a grid of small quantized models with the answers that a runtime must give.

Every case is one entry folder of the zip:

    <case>/model.onnx    DequantizeLinear ... operator ... QuantizeLinear, or a QLinear operator
    <case>/input_<i>.pb  graph inputs
    <case>/output_<i>.pb ONNX Runtime's answer on the CPU with graph optimizations disabled
    <case>/exact_<i>.pb  the answer of qdq/contract.py, wherever the contract defines one

and cases.json describes each case:

    op, category, opset
    reference   integer: exact_<i>.pb is to be met bit for bit (`exact` is then true)
                float64: exact_<i>.pb is a float64 evaluation, to be met within one quantum
                float32: exact_<i>.pb is a float output, to be met within rtol and atol
                none: there is only output_<i>.pb
    tolerance   largest allowed difference to output_<i>.pb, in quanta
    elements    number of output elements
    differs     how many of them differ between exact_<i>.pb and output_<i>.pb

To reproduce the committed file:

    pip install -r requirements.txt
    python make_qdq_grid.py qdq_grid.zip

Models, inputs and exact answers are the same on every machine. ONNX Runtime's own answers may differ by one quantum
between CPUs, where a float sum lies next to a tie.
"""

import argparse
import collections
import itertools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from fixture_zip import FixtureZip
from qdq import (
    block,
    conv,
    dense,
    dynamic,
    elementwise,
    extremes,
    layout,
    near_ties,
    norm,
    pooling,
    qlinear,
    rescale,
    resize,
    tails,
    unary,
)
from qdq.case import FLOAT32, INTEGER, NONE
from qdq.graph import tensor_proto

MODULES = [conv, dense, elementwise, pooling, unary, tails, layout, resize, norm, rescale, near_ties, extremes, qlinear,
           dynamic, block]
FLOAT_RTOL, FLOAT_ATOL = 1e-6, 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="zip file to write")
    output = parser.parse_args().output
    descriptions = {}
    with FixtureZip(output) as target:
        for case in itertools.chain.from_iterable(module.cases() for module in MODULES):
            descriptions[case.name] = add_case(target, case)
        target.add_json("cases.json", descriptions)
    summarize(descriptions, output)


def add_case(target, case):
    """Run a case, check it, pack it; returns its description."""
    model, answers = run(case)
    check(case, answers)
    target.add(f"{case.name}/model.onnx", model.SerializeToString(deterministic=True))
    for kind, arrays in (("input", case.graph.feeds.values()), ("output", answers), ("exact", case.exact or [])):
        for index, array in enumerate(arrays):
            target.add(f"{case.name}/{kind}_{index}.pb", tensor_proto(f"{kind}_{index}", array).SerializeToString())
    return describe(case, answers)


def run(case):
    """ONNX Runtime's answers, and the model with its output shapes filled in."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    draft = case.graph.model([None] * len(case.graph.outputs))
    session = onnxruntime.InferenceSession(draft.SerializeToString(), options, ["CPUExecutionProvider"])
    answers = session.run(None, case.graph.feeds)
    model = case.graph.model([answer.shape for answer in answers])
    if not any(node.domain for node in model.graph.node):  # the checker knows ONNX's own operators only
        onnx.checker.check_model(model, full_check=True)
    return model, answers


def check(case, answers):
    """ONNX Runtime must agree with the exact answer within one quantum, and wholly where nothing is inexact."""
    if case.reference == NONE:
        return
    for answer, exact in zip(answers, case.exact, strict=True):
        assert answer.dtype == exact.dtype and answer.shape == exact.shape, \
            f"{case.name}: {answer.dtype}{answer.shape} against {exact.dtype}{exact.shape}"
        if exact.dtype == np.float32:
            np.testing.assert_allclose(answer, exact, FLOAT_RTOL, FLOAT_ATOL, err_msg=case.name)
        else:
            worst = np.abs(answer.astype(np.int64) - exact.astype(np.int64)).max()
            assert worst <= tolerance(case, exact), f"{case.name}: {worst} quanta from ONNX Runtime"


def tolerance(case, array):
    """Quanta allowed between ONNX Runtime and another implementation; indices and int32 sums have no quantum."""
    return 0 if case.ties or array.dtype not in (np.int8, np.uint8) else 1


def describe(case, answers):
    found = {
        "op": case.op,
        "category": case.category,
        "opset": case.graph.opset,
        "reference": case.reference,
        "exact": case.reference == INTEGER,
        "tolerance": max(tolerance(case, answer) for answer in answers),
        "elements": sum(answer.size for answer in answers),
        "differs": differing(case, answers),
    }
    if case.reference == FLOAT32:
        found |= {"rtol": FLOAT_RTOL, "atol": FLOAT_ATOL}
    return found


def differing(case, answers):
    return sum(int((answer != exact).sum()) for answer, exact in zip(answers, case.exact or []))


def summarize(descriptions, output):
    """Print counts by category."""
    table = collections.defaultdict(collections.Counter)
    for entry in descriptions.values():
        row = table[entry["category"]]
        row.update(cases=1, exact=entry["exact"], elements=entry["elements"], differs=entry["differs"])
    for category, row in sorted(table.items()):
        print(f"{category:12} {row['cases']:4} cases, {row['exact']:4} exact, {row['differs']:4} of "
              f"{row['elements']:6} elements differ from ONNX Runtime")
    print(f"{len(descriptions)} cases, {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
