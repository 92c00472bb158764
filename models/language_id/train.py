#!/usr/bin/env python3
"""Train the language classifier of this folder and export it to ONNX.

Data
----
Sentences of 75 languages from a public collection under Apache-2.0: a folder with
a file a language, named by its code of ISO 639-1 (en.txt), a sentence a line; 1,000
sentences for nearly all of them. No sentence is in this repository.

Use
---
    pip install -r requirements.txt
    python train.py --data FOLDER --work target/models/language_id --output language_id.onnx

WORK receives the parts as tables (train.tsv, calibration.tsv, test.tsv) for
`dunlin calibrate` and `dunlin eval`, and figures.json. 15 % of the sentences are
for the test, 10 % for calibration; near-duplicates are in one part. Choices are
made on the calibration part; the test part is looked at at the end.
"""

import argparse
import pathlib
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bags.data import Texts, length_cohort, split, tokens  # noqa: E402
from bags.figures import accuracy, by, confusions  # noqa: E402
from bags.model import add_options, check, export, fit, logits_of, report, run_int8, spec_of  # noqa: E402

SHARES = {"test": 0.15, "calibration": 0.10, "train": 0.75}
LENGTHS = (50, 100, 150, 200)
BEGINNINGS = (10, 20, 40, 80)  # characters
WIDTH = 32


def load(folder, names):
    texts, labels = [], []
    for label, name in enumerate(names):
        lines = (folder / f"{name}.txt").read_text(encoding="utf-8").split("\n")
        sentences = [line.replace("\t", " ").strip("\r") for line in lines if line.strip()]
        texts += sentences
        labels += [label] * len(sentences)
    return Texts(names, texts, labels, [length_cohort(text, LENGTHS) for text in texts])


def measure(path, model, bags, part):
    logits = run_int8(path, bags)
    check(path, bags, logits)
    difference = float(abs(logits - logits_of(model, bags)).max())
    predicted = logits.argmax(1)
    languages = [part.names[label] for label in part.labels]
    return {
        "sentences": len(part.texts), "accuracy": accuracy(predicted, part.labels),
        "per_length": by(part.cohorts, predicted, part.labels),
        "per_language": {name: group["accuracy"]
                         for name, group in by(Texts(part.names, [], [], languages).cohorts, predicted, part.labels).items()},
        "confusions": confusions(predicted, part.labels, part.names),
        "int8_difference": round(difference, 4),
    }


def beginnings(args, part):
    """Accuracy on the first characters of each sentence."""
    found = {}
    for count in BEGINNINGS:
        texts = [text[:count] for text in part.texts]
        bags, _ = tokens(args.dunlin, HERE / "spec.json", texts, args.work, f"first{count}")
        found[str(count)] = accuracy(run_int8(args.output, bags).argmax(1), part.labels)
    return found


def main():
    parser = argparse.ArgumentParser(description="Train the language classifier and export it to ONNX.")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with af.txt to zu.txt")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the parts and the figures")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the .onnx file to write")
    add_options(parser, epochs=8, batch=256, lr=0.01, keep=0.5, crop=0.5, smoothing=0.02)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    names = (HERE / "labels.txt").read_text().split()
    data = load(args.data, names)
    parts = {name: data.subset(chosen) for name, chosen in split(data.texts, SHARES, args.seed).items()}
    bags = {}
    for name, part in parts.items():
        part.write(args.work / f"{name}.tsv")
        bags[name], _ = tokens(args.dunlin, HERE / "spec.json", part.texts, args.work, name)
    buckets, max_ids = spec_of(HERE / "spec.json")
    model, seconds = fit(bags["train"], parts["train"].labels, buckets, WIDTH, len(names), args)
    export(model, args.output, "language_id", max_ids)
    figures = {name: measure(args.output, model, bags[name], parts[name]) for name in ("calibration", "test")}
    figures["test"]["per_beginning"] = beginnings(args, parts["test"])
    report(args, figures, train_sentences=len(parts["train"].texts), seconds=round(seconds))


if __name__ == "__main__":
    main()
