"""Measures in Chromium: `run web` installs and starts this. `run web --help` says how."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import compare
import inputs
import numpy as np
import runtimes
import web_record
from models import MODELS
from yardstick import Yardstick, product

HERE = Path(__file__).resolve().parent

#: Runtimes that take the .tflite original: bytes, channels last.
TFLITE = ("litert", "litert-patched", "tflite")
PEERS = ("onnxruntime", *TFLITE, "rten")
DUNLIN = "dunlin"

#: Seconds that a page runs before its first round: Chromium compiles anew what has become hot.
WARM = 2.0


def main():
    options = arguments()
    models = [model for model in compared() if compare.wanted(model, options.only) and (options.models / f"{model.onnx}.onnx").exists()]
    if not models:
        sys.exit(f"web: no model of these is in {options.models}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        steady, free = (Browser(options, Path(folder), core) for core in (options.core, None))
        # This process watches the core that the pages run on; the browser for first answers has all of them.
        os.sched_setaffinity(0, {options.core})
        yardstick = Yardstick(product())
        for model in models:
            print(model.name, file=sys.stderr, flush=True)
            rows.append(Bench(model, options, Path(folder)).row(steady, free, yardstick))
            tell(rows[-1])
        found = {"machine": compare.machine() | steady.ask("about"), "versions": versions()}
        steady.end(), free.end()
    compare.write(found | {"settings": settings(options) | yardstick.summary(), "rows": rows}, options, "web-peers", web_record.markdown)


def arguments():
    parser = argparse.ArgumentParser(prog="run web", description="Times Dunlin beside other runtimes in headless Chromium.")
    models = os.environ.get("DUNLIN_MODELS") or compare.ROOT.parent / "shared" / "models"
    parser.add_argument("--models", type=Path, default=models, help="folder of the ONNX files, and of tflite/")
    parser.add_argument("--only", default="", help="parts of model names, with commas between")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas between")
    parser.add_argument("--rounds", type=int, default=7, help="of which the best counts")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each runtime in each round")
    parser.add_argument("--starts", type=int, default=7, help="fresh pages of each runtime, of which the fastest counts")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core of the rounds")
    parser.add_argument("--output", type=Path, default=compare.ROOT / "benches" / "record", help="folder of the record")
    return parser.parse_args()


def compared():
    """The int8 models that all can take, those with goals first."""
    models = [model for model in MODELS if model.tflite and any(artifact.precision == "int8" for artifact in model.artifacts)]
    return sorted(models, key=lambda model: model.name not in web_record.GOALS)


class Browser:
    """A Chromium with pages in it, and the server that they load from."""

    def __init__(self, options, folder, core):
        routes = {
            "/npm/": home() / "node_modules",
            "/rten/": home() / "rten" / "wasm32-unknown-unknown" / "release",
            "/dunlin/": compare.ROOT / "wasm" / "npm" / "dist",
            "/page/": HERE / "web",
            "/models/": options.models,
            "/artifacts/": home() / "artifacts",
            "/inputs/": folder,
        }
        command = ["node", HERE / "web" / "browser.mjs", home(), json.dumps(routes, default=str)]
        begin = compare.pinned(core) if core is not None else None
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(list(map(str, command)), text=True, preexec_fn=begin, **pipes)

    def ask(self, command, **rest):
        self.process.stdin.write(json.dumps({"command": command, **rest}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else sys.exit("web: the browser ended")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """All runtimes on one model."""

    def __init__(self, model, options, folder):
        self.model, self.options, self.folder = model, options, folder
        self.onnx = options.models / f"{model.onnx}.onnx"
        self.tflite = options.models / "tflite" / f"{model.tflite}.tflite"
        grid = runtimes.input_grid(self.tflite) if self.tflite.exists() else None
        self.arrays = inputs.make(inputs.specs(self.onnx), model.onnx.rsplit("_", 1)[0], 0, grid)
        self.artifact = home() / "artifacts" / f"{model.onnx}.dunlin"
        self.artifact.parent.mkdir(exist_ok=True)
        subprocess.run([compare.DUNLIN, "compile", self.onnx, "-o", self.artifact], check=True, stdout=subprocess.DEVNULL)

    def row(self, steady, free, yardstick):
        """Everybody in turn, round after round, and then fresh pages."""
        reference = self.reference()
        pages = {name: Page(steady, name, self.job(name)) for name in (*self.options.peers.split(","), DUNLIN)}
        running = [page for page in pages.values() if not page.error]
        for page in running:
            page.round(WARM)
            page.rounds.pop()
        for _ in range(self.options.rounds):
            for page in running:
                yardstick.turn(lambda: page.round(self.options.seconds), page.rounds.pop)
        for page in running:
            page.close()
        firsts = {name: [] for name, page in pages.items() if not page.error}
        for _ in range(self.options.starts):
            for name, found in firsts.items():
                page = Page(free, name, self.job(name))
                found.append(page.first["first_us"]) if not page.error else sys.exit(f"web: {name}: {page.error}")
                page.close()
        results = {name: self.result(page, firsts.get(name), reference) for name, page in pages.items()}
        dunlin = results.pop(DUNLIN)
        if "error" in dunlin:
            sys.exit(f"web: Dunlin can't run {self.model.name}: {dunlin['error']}")
        goals = (web_record.RATIO, web_record.FIRST_RATIO) if self.model.name in web_record.GOALS else (None, None)
        names = {"model": self.model.name, "precision": "int8", "goal": goals[0], "first_goal": goals[1]}
        return names | {"dunlin": dunlin, "peers": results}

    def reference(self):
        """The output that all are compared with: ONNX Runtime's."""
        native = runtimes.OnnxRuntime()
        native.load(str(self.onnx), self.arrays)
        native.run()
        return native.output().ravel()

    def job(self, name):
        """What `page.mjs` is given; a sentence where the runtime can't run the model."""
        if name not in TFLITE:
            model = f"/artifacts/{self.artifact.name}" if name == DUNLIN else f"/models/{self.onnx.name}"
            (array,) = self.arrays.values()
        elif self.tflite.exists():
            model = f"/models/tflite/{self.tflite.name}"
            array = runtimes.tflite_input(self.tflite, self.arrays)
        else:
            return "no .tflite original"
        path = self.folder / f"{name}.raw"
        np.ascontiguousarray(array).tofile(path)
        given = {"url": f"/inputs/{path.name}", "type": array.dtype.name, "shape": list(array.shape)}
        return {"runtime": name, "model": model, "input": given}

    def result(self, page, firsts, reference):
        if page.error:
            return {"error": page.error}
        output = np.array(page.first["output"], dtype=np.float32)
        if page.name in TFLITE:
            output = runtimes.tflite_output(self.tflite, output)
        sizes = {key: page.first[key] for key in ("runtime_bytes", "model_bytes", "about") if page.first.get(key)}
        firsts = {"first_us": min(firsts), "firsts_us": sorted(firsts)}
        return compare.best(page.rounds) | firsts | sizes | compare.agreement(output, reference)


class Page:
    """A runtime with a model in a page; `error` says why there is none."""

    def __init__(self, browser, name, job):
        self.browser, self.name, self.rounds = browser, name, []
        self.first = {"error": job} if isinstance(job, str) else browser.ask("open", name=name, job=job)
        self.error = self.first.get("error")
        if self.error and not isinstance(job, str):
            self.close()

    def round(self, seconds):
        found = self.browser.ask("round", name=self.name, seconds=seconds)
        self.rounds.append(found) if "error" not in found else sys.exit(f"web: {self.name}: {found['error']}")

    def close(self):
        self.browser.ask("close", name=self.name)


def tell(row):
    parts = [web_record.ratio(row, key) for key in ("p50_us", "first_us")]
    run, first = (f"{value:.2f} x" if value else "no peer" for value in parts)
    line = f"  {row['model']}: {row['dunlin']['p50_us']:.1f} us, {run}; first answer {row['dunlin']['first_us'] / 1000:.0f} ms, {first}"
    print(line + f", cosine {row['dunlin']['cosine']:.5f}", file=sys.stderr, flush=True)


def versions():
    packages = json.loads((HERE / "web" / "package.json").read_text())["dependencies"]
    lock = tomllib.loads((HERE / "web" / "rten" / "Cargo.lock").read_text())["package"]
    rten = next(package["version"] for package in lock if package["name"] == "rten")
    return {"Dunlin": compare.versions()["Dunlin"]} | packages | {"rten": rten}


def settings(options):
    return {key: getattr(options, key) for key in ("core", "rounds", "seconds", "starts")}


def home():
    return compare.home() / "web"


if __name__ == "__main__":
    main()
