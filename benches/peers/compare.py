"""Measures: `run` installs and starts this. `run --help` says how."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from importlib.metadata import distribution, version
from pathlib import Path

# One thread, so that the yardstick measures one core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import inputs
import record
from models import COLD, MODELS, TOKENS
from runtimes import input_grid
from yardstick import Yardstick, product

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DUNLIN = ROOT / "target" / "release" / "dunlin"
PACKAGES = {"onnxruntime": "onnxruntime", "litert": "ai-edge-litert", "openvino": "openvino", "ncnn": "ncnn"}
PROGRAMS = ("rten", "tract")

#: Fresh processes of each peer, of which the fastest counts.
COLD_STARTS = 5


def main():
    options = arguments()
    models = [model for model in MODELS if wanted(model, options.only) and (options.models / f"{model.onnx}.onnx").exists()]
    if not models:
        sys.exit(f"compare: no model of these is in {options.models}")
    rows, cold = [], None
    os.sched_setaffinity(0, {options.core})
    yardstick = Yardstick(product())
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            bench = Bench(model, options, Path(folder), yardstick)
            found = bench.rows()
            rows += found
            if model.name == COLD:
                cold = bench.cold(found[0])
            for row in found:
                tell(row)
    found = {"machine": machine(), "versions": versions(), "settings": settings(options) | yardstick.summary()}
    write(found | {"rows": rows, "cold": cold}, options)


def arguments():
    parser = argparse.ArgumentParser(prog="run", description="Times Dunlin beside other runtimes on this machine.")
    models = os.environ.get("DUNLIN_MODELS") or ROOT.parent / "shared" / "models"
    parser.add_argument("--models", type=Path, default=models, help="folder of the ONNX files, and of tflite/")
    parser.add_argument("--only", default="", help="parts of model names, with commas between")
    parser.add_argument("--peers", default=",".join([*PACKAGES, *PROGRAMS]), help="names, with commas between")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each runtime in each round")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)), help="the core that all run on")
    parser.add_argument("--output", type=Path, default=ROOT / "benches" / "record", help="folder of the record")
    return parser.parse_args()


def wanted(model, only):
    return not only or any(part in model.name for part in only.split(","))


class Bench:
    """All runtimes on one model."""

    def __init__(self, model, options, folder, yardstick):
        self.model, self.options, self.folder, self.yardstick = model, options, folder, yardstick
        self.onnx = options.models / f"{model.onnx}.onnx"
        tflite = options.models / "tflite" / f"{model.tflite}.tflite"
        self.tflite = tflite if model.tflite and tflite.exists() else None
        grid = input_grid(self.tflite) if self.tflite else None
        specs = inputs.specs(self.onnx)
        self.arrays = inputs.make(specs, model.onnx.rsplit("_", 1)[0], TOKENS[0], grid)
        if model.length:
            pad(self.arrays, model.length)
        self.npz, self.list = folder / "inputs.npz", folder / "inputs.tsv"
        np.savez(self.npz, **self.arrays)
        self.list.write_text("".join(self.raw(*item) for item in self.arrays.items()))

    def raw(self, name, array):
        """Writes an input's elements; gives its line in the list of inputs."""
        path = self.folder / f"{name.replace('/', '_')}.raw"
        array.tofile(path)
        return f"{name}\t{array.dtype}\t{'x'.join(map(str, array.shape))}\t{path}\n"

    def rows(self):
        """Everybody in turn, round after round; a row for each artifact."""
        print(f"{self.model.name}", file=sys.stderr, flush=True)
        peers = {name: self.start(name) for name in self.options.peers.split(",")}
        dunlins = [self.dunlin(artifact) for artifact in self.model.artifacts]
        reference = self.reference()
        for _ in range(self.options.rounds):
            for runtime in [*peers.values(), *dunlins]:
                if not runtime.error:
                    self.yardstick.turn(lambda: runtime.round(self.options.seconds), lambda: runtime.rounds.pop())
        results = {name: peer.finish(reference) for name, peer in peers.items()}
        return [dunlin.row(self.model, reference) | {"peers": results} for dunlin in dunlins]

    def reference(self):
        """The outputs that all are compared with: ONNX Runtime's."""
        worker = self.start("onnxruntime")
        worker.finish(None)
        if worker.error:
            sys.exit(f"compare: ONNX Runtime can't run {self.onnx}: {worker.error}")
        return worker.output()

    def start(self, name):
        return Worker(name, self.command(name), self.folder / f"{name}.out", self.options.core)

    def command(self, name):
        """How a runtime is started; a sentence where it can't run the model."""
        output = self.folder / f"{name}.out"
        if name in PROGRAMS:
            return [home() / "native" / "release" / f"peer-{name}", self.onnx, self.list, output]
        model = {"litert": self.tflite, "ncnn": self.ncnn() if name == "ncnn" else None}.get(name, self.onnx)
        if model is None:
            return "no .tflite original" if name == "litert" else "pnnx converts float models only"
        return [sys.executable, HERE / "worker.py", name, model, self.npz, output]

    def ncnn(self):
        """What pnnx makes of a float model; `None` where it fails."""
        if "fp32" not in self.model.onnx:
            return None
        folder = home() / "ncnn"
        folder.mkdir(exist_ok=True)
        copy, made = folder / self.onnx.name, folder / f"{self.model.onnx}.ncnn.param"
        if not made.exists():
            copy.write_bytes(self.onnx.read_bytes())
            pnnx = Path(distribution("pnnx").locate_file("pnnx")) / "pnnx"
            subprocess.run([pnnx, copy.name], cwd=folder, capture_output=True, timeout=300)
        return made if made.exists() else None

    def dunlin(self, artifact):
        return Dunlin(self, artifact)

    def cold(self, row):
        """Cold starts: the fastest process of each runtime."""
        names = [name for name in self.options.peers.split(",") if "p50_us" in row["peers"][name]]
        found = {"model": self.model.name}
        for name in names:
            workers = [self.start(name) for _ in range(COLD_STARTS)]
            firsts = [worker.first for worker in workers if not worker.error]
            for worker in workers:
                worker.finish(None)
            if firsts:
                found[name] = min(firsts, key=record.total)
        return found | {"dunlin": row["dunlin"]["cold"] | {"p50_us": row["dunlin"]["p50_us"]}}


def pad(arrays, length):
    """Leaves the first tokens of a text and hides the others."""
    for array in arrays.values():
        array[:, length:] = 0


class Worker:
    """A peer's process; `error` says why there is none."""

    def __init__(self, name, command, output, core):
        self.name, self.path, self.rounds, self.error, self.first = name, output, [], None, None
        if isinstance(command, str):
            self.error = command
            return
        output.unlink(missing_ok=True)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(list(map(str, command)), text=True, preexec_fn=pinned(core), **pipes)
        self.first = self.read()

    def read(self):
        """The next JSON line; libraries print others."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.error = (self.process.stderr.read().strip().splitlines() or ["it ended without a word"])[-1][:200]
        self.process.wait()
        return None

    def round(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.rounds.append(self.read())

    def finish(self, reference):
        """Ends the process; gives the best round, and how its output compares."""
        if not self.error:
            self.process.communicate()
        if self.error:
            return {"error": self.error}
        return best(self.rounds) | agreement(self.output(), reference) if reference is not None else None

    def output(self):
        return np.fromfile(self.path, np.float32)


class Dunlin:
    """An artifact and what `dunlin bench` says of it."""

    #: There is none that isn't the end.
    error = None

    def __init__(self, bench, artifact):
        self.bench, self.artifact, self.rounds = bench, artifact, []
        folder = home() / "artifacts"
        folder.mkdir(exist_ok=True)
        self.path = folder / f"{bench.model.onnx}-{artifact.precision}.dunlin"
        dunlin(bench, "compile", bench.onnx, "-o", self.path, *artifact.arguments)

    def round(self, seconds):
        length = ["--length", self.bench.model.length] if self.short() else []
        self.rounds.append(json.loads(dunlin(self.bench, "bench", self.path, "--seconds", seconds, "--json", *length)))

    def short(self):
        return self.bench.model.length not in (None, max(TOKENS))

    def output(self):
        given, got = self.bench.npz, self.bench.folder / "dunlin.npz"
        if self.short():
            given = self.bench.folder / "short.npz"
            np.savez(given, **{name: array[:, : self.bench.model.length] for name, array in self.bench.arrays.items()})
        dunlin(self.bench, "run", self.path, "--input", given, "--output", got)
        with np.load(got) as arrays:
            return arrays[arrays.files[0]].ravel().astype(np.float32)

    def row(self, model, reference):
        result = best(self.rounds) | agreement(self.output(), reference) | {"cold": self.cold()}
        goal = self.artifact.goal if not self.short() else None
        names = {"model": model.name, "precision": self.artifact.precision, "goal": goal, "in_mean": model.in_mean}
        return names | {"macs": self.rounds[0]["macs"], "dunlin": result}

    def cold(self):
        """The best round's, each the median of fresh processes, in the words of the peers' workers."""
        turn = min(self.rounds, key=lambda turn: turn["cold_start_us"])
        cold = turn["cold"]
        times = {"library_us": 0.0, "load_us": cold["map_us"] + cold["load_us"], "first_us": cold["first_run_us"]}
        sizes = {"growth_bytes": cold["resident_growth_bytes"], "anonymous_bytes": cold["memory_growth_bytes"]}
        return times | sizes | {"planned_bytes": turn["planned_memory_bytes"], "session_bytes": turn["session_bytes"]}


def dunlin(bench, *arguments):
    command = [str(DUNLIN), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pinned(bench.options.core))
    if done.returncode:
        sys.exit(f"compare: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def pinned(core):
    """What a child does first: stays on one core, before others where that is allowed."""

    def first():
        os.sched_setaffinity(0, {core})
        try:
            os.setpriority(os.PRIO_PROCESS, 0, min(-5, os.getpriority(os.PRIO_PROCESS, 0)))
        except PermissionError:
            pass

    return first


def best(rounds):
    turns = [turn for turn in rounds if turn]
    return {key: min(turn[key] for turn in turns) for key in ("p50_us", "p90_us", "min_us")} if turns else {}


def agreement(output, reference):
    if output.size != reference.size:
        return {"top1": False, "cosine": 0.0}
    norms = float(np.linalg.norm(output) * np.linalg.norm(reference))
    cosine = float(output @ reference) / norms if norms else 0.0
    return {"top1": bool(output.argmax() == reference.argmax()), "cosine": cosine}


def tell(row):
    value, peer = record.ratio(row), record.best_peer(row)
    beside = f"{value:.2f} x {peer[0]}" if value else "no peer"
    line = f"  {row['model']} {row['precision']}: {row['dunlin']['p50_us']:.1f} us, {beside}"
    print(line + f", cosine {row['dunlin']['cosine']:.5f}", file=sys.stderr, flush=True)


def machine():
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        info = ""
    field = lambda name: next(iter(re.findall(rf"^{name}\s*: (.+)$", info, re.MULTILINE)), "unknown")
    cpu = f"{field('model name')} family {field('cpu family')} model {field('model')}" if info else platform.processor()
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"cpu": cpu, "system": system, "date": datetime.now(UTC).strftime("%Y-%m-%d")}


def versions():
    commit = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(commit, capture_output=True, text=True).stdout.strip() or "not committed"
    dunlin = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    lock = tomllib.loads((HERE / "native" / "Cargo.lock").read_text())["package"]
    crates = {package["name"]: package["version"] for package in lock}
    found = {"Dunlin": f"{dunlin} ({commit})"} | {name: version(package) for name, package in PACKAGES.items()}
    return found | {"rten": crates["rten"], "tract": crates["tract-onnx"]}


def settings(options):
    return {"core": options.core, "rounds": options.rounds, "seconds": options.seconds}


def write(found, options, kind="peers", markdown=record.markdown):
    words = re.findall(r"[a-z0-9]+", found["machine"]["cpu"].lower())
    stem = options.output / f"{kind}-{'-'.join(words)}-{found['machine']['date']}"
    options.output.mkdir(parents=True, exist_ok=True)
    text = markdown(found)
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    print(text + f"\n{stem}.md and .json")


def home():
    return Path(os.environ["PEERS_HOME"])


if __name__ == "__main__":
    main()
