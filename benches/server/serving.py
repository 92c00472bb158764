"""Starts `target/release/dunlin serve` with a picture classifier that answers questions."""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def serve(folder, log=None, rate=0):
    """The process, its address, and the tokens by role; what it says of itself goes to `log`. `rate` is how many requests a second a client may send; 0 for all."""
    model = folder / "cloud" / "pictures"
    model.mkdir(parents=True)
    shutil.copy(ROOT / "models/cifar10/cifar10.onnx", model / "model.onnx")
    shutil.copy(ROOT / "models/cifar10/labels.txt", model)
    (model / "config.json").write_text('{"picture": {}, "labels": "labels.txt"}')
    command = [ROOT / "target/release/dunlin", "serve", "--data", folder, "--listen", "127.0.0.1:0", "--rate", str(rate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    tokens = {}
    for line in process.stdout:
        words = line.split()
        if line.startswith("Serving at "):
            return process, words[2], tokens
        if len(words) == 2:
            tokens[words[0]] = words[1]
    sys.exit("the server ended before it served")
