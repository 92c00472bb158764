#!/usr/bin/env python3
"""Train the SMS spam classifier of this folder and export it to ONNX.

Data
----
SMS Spam Collection v.1 by Tiago A. Almeida and José María Gómez Hidalgo,
https://archive.ics.uci.edu/dataset/228/sms+spam+collection: one file with a
message a line, `ham` or `spam`, a tab, the message. No message is in this
repository.

Use
---
    pip install -r requirements.txt
    python train.py --data SMSSpamCollection --work target/models/sms_spam --output sms_spam.onnx

WORK receives the parts as tables (train.tsv, calibration.tsv, test.tsv) for
`dunlin calibrate` and `dunlin eval`, and figures.json. A fifth of the messages is
for the test, another for calibration; near-duplicates are in one part. Choices are
made on the calibration part; the test part is looked at at the end.
"""

import argparse
import pathlib
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from bags.data import Bags, Texts, length_cohort, split, tokens  # noqa: E402
from bags.figures import accuracy, by, detection  # noqa: E402
from bags.model import add_options, check, export, fit, logits_of, report, run_int8, spec_of  # noqa: E402

NAMES = ["ham", "spam"]
SHARES = {"test": 0.20, "calibration": 0.20, "train": 0.60}
LENGTHS = (40, 80, 120, 160)
TRAINING = dict(epochs=30, batch=64, lr=0.02, keep=0.7, crop=0.2, smoothing=0.0)


def load(path):
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n") if line]
    texts = [text.replace("\t", " ").replace("\r", " ") for _, text in rows]
    return Texts(NAMES, texts, [NAMES.index(label) for label, _ in rows],
                 [length_cohort(text, LENGTHS) for text in texts])


def views(first, second, labels):
    """All bags to learn from: texts as they are read and, with the same label, what some seem to hide."""
    bags = [first[i] for i in range(len(first))]
    extra = [i for i in range(len(second)) if len(second[i])]
    bags += [second[i] for i in extra]
    offsets = np.concatenate([[0], np.cumsum([len(bag) for bag in bags])])
    return Bags(np.concatenate(bags), offsets), np.concatenate([labels, labels[extra]])


def measure(path, model, views, part):
    bags, second = views
    logits = run_int8(path, bags)
    check(path, bags, logits)
    difference = float(np.abs(logits - logits_of(model, bags)).max())
    predicted = logits.argmax(1)
    return {
        "messages": len(part.texts), "spam": int(part.labels.sum()),
        "accuracy": accuracy(predicted, part.labels), **detection(predicted, part.labels),
        "per_length": by(part.cohorts, predicted, part.labels),
        "second_views": int((np.diff(second.offsets) > 0).sum()),
        "int8_difference": round(difference, 4),
    }


def main():
    parser = argparse.ArgumentParser(description="Train the SMS spam classifier and export it to ONNX.")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the file SMSSpamCollection")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the parts and the figures")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the .onnx file to write")
    add_options(parser, **TRAINING)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    data = load(args.data)
    parts = {name: data.subset(chosen) for name, chosen in split(data.texts, SHARES, args.seed).items()}
    bags = {}
    for name, part in parts.items():
        part.write(args.work / f"{name}.tsv")
        bags[name] = tokens(args.dunlin, HERE / "spec.json", part.texts, args.work, name)
    buckets, max_ids = spec_of(HERE / "spec.json")
    model, seconds = fit(*views(*bags["train"], parts["train"].labels), buckets, 2, 2, args)
    export(model, args.output, "sms_spam", max_ids)
    figures = {name: measure(args.output, model, bags[name], parts[name]) for name in ("calibration", "test")}
    report(args, figures, train_messages=len(parts["train"].texts), seconds=round(seconds))


if __name__ == "__main__":
    main()
