#!/usr/bin/env python3
"""Logits for all messages, each by a model that wasn't trained on it: for the simulation of docs/howto/risk.md.

    python cross_fit.py --data SMSSpamCollection --work target/models/sms_cross --output sms.npz \\
        --outside languages=sentences.txt --noise 1000

The messages are parted into folds, near-duplicates in one fold; for each fold a model is trained on the others, by the recipe of
train.py, and exported, and the fold's logits are those of its int8 table. `--outside` takes texts of another kind, a line each, and
`--noise` makes some: random characters, and random bytes read as UTF-8. Each of these texts is read by one fold's model, and their
logits are written beside OUTPUT as NAME.npz.
"""

import argparse
import pathlib
import random

import numpy as np
import torch

from train import HERE, TRAINING, add_options, export, fit, load, run_int8, spec_of, tokens, views  # also finds the folder `bags`
from bags.data import Bags, near_duplicates
from bags.outside import noise


def folds_of(texts, folds, seed):
    """Each text's fold; near-duplicates have one."""
    groups = near_duplicates(texts)
    order = sorted(set(groups))
    random.Random(seed).shuffle(order)
    fold = {group: place % folds for place, group in enumerate(order)}
    return np.array([fold[group] for group in groups])


def subset(bags, chosen):
    parts = [bags[i] for i in chosen]
    return Bags(np.concatenate(parts), np.cumsum([0] + [len(part) for part in parts]))


def main():
    parser = argparse.ArgumentParser(description="Logits for all messages, each by a model that wasn't trained on it.")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the file SMSSpamCollection")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for what lies between")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the .npz file to write")
    parser.add_argument("--outside", action="append", default=[], metavar="NAME=FILE.txt", help="texts of another kind")
    parser.add_argument("--noise", type=int, default=0, help="how many random texts of each kind")
    parser.add_argument("--folds", type=int, default=5, help="models to train")
    add_options(parser, **TRAINING)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    data = load(args.data)
    outside = noise(args.noise, args.seed) if args.noise else {}
    for name, file in (given.split("=", 1) for given in args.outside):
        outside[name] = [line for line in pathlib.Path(file).read_text(encoding="utf-8").split("\n") if line]
    bags, second = tokens(args.dunlin, HERE / "spec.json", data.texts, args.work, "all")
    others = {name: tokens(args.dunlin, HERE / "spec.json", texts, args.work, name)[0] for name, texts in outside.items()}
    buckets, max_ids = spec_of(HERE / "spec.json")
    fold = folds_of(data.texts, args.folds, args.seed)
    logits = np.zeros((len(data.texts), 2), np.float32)
    of_others = {name: np.zeros((len(texts), 2), np.float32) for name, texts in outside.items()}
    for held_out in range(args.folds):
        training, rest = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        learned = views(subset(bags, training), subset(second, training), data.labels[training])
        model, _ = fit(*learned, buckets, 2, 2, args)
        export(model, args.work / "fold.onnx", "sms_spam", max_ids)
        logits[rest] = run_int8(args.work / "fold.onnx", subset(bags, rest))
        for name, found in of_others.items():
            mine = np.arange(held_out, len(found), args.folds)
            found[mine] = run_int8(args.work / "fold.onnx", subset(others[name], mine))
    print(f"accuracy {(logits.argmax(1) == data.labels).mean():.4f}")
    np.savez(args.output, logits=logits, labels=data.labels)
    for name, found in of_others.items():
        np.savez(args.output.with_name(f"{name}.npz"), logits=found)


if __name__ == "__main__":
    main()
