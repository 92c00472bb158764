"""Pack the ONNX backend node tests that concern classifiers into one zip file.

The `onnx` wheel ships the node tests as folders of model.onnx and test_data_set_<n>/{input,output}_<i>.pb. This script
copies the cases that onnx_scope.py finds in scope, unchanged, to

    <case>/model.onnx  <case>/input_<i>.pb  <case>/output_<i>.pb      (a second data set goes to <case>/1/...)

and adds two entries:

    cases.json    case -> operator, tier, opset and element types
    skipped.json  case -> why it is out of scope

To reproduce the committed file:

    pip install -r requirements.txt        # onnx==1.22.0; later versions no longer ship the folders
    python make_onnx_node.py onnx_node.zip
"""

import argparse
from pathlib import Path

import onnx

import onnx_scope
from fixture_zip import FixtureZip

ONNX_VERSION = "1.22.0"
# Keeps the zip to about 3 MB. What it leaves out: three-dimensional pools over 32x32x32 and losses of rank seven.
MAX_TENSOR_BYTES = 100_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="zip file to write")
    output = parser.parse_args().output
    if onnx.__version__ != ONNX_VERSION:
        raise SystemExit(f"needs onnx=={ONNX_VERSION}, found {onnx.__version__}")
    cases, skipped = select(load_cases(node_test_root()))
    write_zip(output, cases, skipped)
    print(f"{len(cases)} cases, {len(skipped)} skipped, {output.stat().st_size} bytes")


def node_test_root():
    return Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"


def load_cases(root):
    """Map each case name to its folder, model and facts."""
    cases = {}
    for folder in sorted(root.iterdir()):
        model = onnx.load(folder / "model.onnx")
        cases[folder.name] = (folder, model, onnx_scope.facts_of(model))
    return cases


def select(loaded):
    """Divide the cases into those in scope, with their metadata, and the skipped, with their reason."""
    direct = {name: facts.operators[0] for name, (_, _, facts) in loaded.items() if "_expanded" not in name}
    cases, skipped = {}, {}
    for name, (folder, model, facts) in loaded.items():
        operator = onnx_scope.own_operator_of(name, facts, direct)
        reason = onnx_scope.skip_reason(name, facts, operator) or too_large(folder)
        if reason:
            skipped[name] = reason
        else:
            cases[name] = (folder, describe(name, model, facts, operator))
    return cases, skipped


def too_large(folder):
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"tensor file of {largest} bytes" if largest > MAX_TENSOR_BYTES else None


def describe(name, model, facts, operator):
    """Metadata of one case for cases.json."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return {
        "operator": operator,
        "tier": onnx_scope.TIER_OF.get(operator, "loss"),
        "expanded": "_expanded" in name,
        "opset": opset,
        "types": sorted(facts.types),
    }


def write_zip(output, cases, skipped):
    with FixtureZip(output) as target:
        for name, (folder, _) in cases.items():
            add_case(target, name, folder)
        target.add_json("cases.json", {name: meta for name, (_, meta) in cases.items()})
        target.add_json("skipped.json", skipped)


def add_case(target, name, folder):
    target.add(f"{name}/model.onnx", (folder / "model.onnx").read_bytes())
    for index, data_set in enumerate(sorted(folder.glob("test_data_set_*"))):
        prefix = name if index == 0 else f"{name}/{index}"
        for path in sorted(data_set.glob("*.pb")):
            target.add(f"{prefix}/{path.name}", path.read_bytes())


if __name__ == "__main__":
    main()
