#!/usr/bin/env python3
"""What attacks cost the artifact of this folder, beside what they cost a model without cleaning and second views.

    python attack.py --work target/models/sms_spam --output attacks.json

WORK has the parts that train.py wrote. The other model is trained by the same recipe on ids for which texts only became
lower case, compiled, and both artifacts run by `dunlin eval` on the test part, as it is and under each attack of
`bags/attacks.py`.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np
import torch

from train import HERE, NAMES, TRAINING, Texts, add_options, detection, export, fit, spec_of, tokens, views  # also finds `bags`
from bags.attacks import ATTACKS, attacked

BARE = {"ignorables": False, "nfkc": False, "lower": True, "mixed_script": False, "leet": False, "spacing": False}


def read(path):
    """A part as train.py wrote it."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[1:] if line]
    return Texts(NAMES, [text for _, text, _ in rows], [NAMES.index(label) for label, _, _ in rows],
                 [cohort for _, _, cohort in rows])


def unhardened(args, work):
    """The artifact of a model that sees texts as they are, in lower case."""
    spec, train = work / "bare.json", read(args.work / "train.tsv")
    spec.write_text(json.dumps(json.loads((HERE / "spec.json").read_text()) | {"clean": BARE}))
    buckets, max_ids = spec_of(spec)
    first, second = tokens(args.dunlin, spec, train.texts, work, "bare")
    model, _ = fit(*views(first, second, train.labels), buckets, 2, 2, args)
    export(model, work / "bare.onnx", "sms_spam", max_ids)
    subprocess.run([args.dunlin, "compile", work / "bare.onnx", "-o", work / "bare.dunlin", "--strict-int8", "--task", "text",
                    "--text", spec, "--dim", f"count={max_ids}", "--vary", "ids.0", "--labels", HERE / "labels.txt"],
                   check=True, stdout=subprocess.DEVNULL)
    return work / "bare.dunlin"


def measure(args, model, part, work):
    """Recall of spam and false positives, in percent, as `dunlin eval` finds them."""
    part.write(work / "part.tsv")
    subprocess.run([args.dunlin, "eval", model, "--data", work / "part.tsv", "--logits", work / "part.npz"],
                   check=True, stdout=subprocess.DEVNULL)
    found = np.load(work / "part.npz")
    rates = detection(found["logits"].argmax(1), found["labels"])
    return {name: round(100 * rates[name], 2) for name in ("recall", "false_positives")}


def main():
    parser = argparse.ArgumentParser(description="What attacks cost the SMS spam classifier.")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder of the parts; what lies between goes there too")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the .json file to write")
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "sms_spam.dunlin", help="the artifact that is attacked")
    parser.add_argument("--share", type=float, nargs="+", default=[0.5, 1.0], help="of the words that are changed")
    parser.add_argument("--draw", type=int, default=5, help="seed of the attacks")
    add_options(parser, **TRAINING)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    work, test = args.work / "attacks", read(args.work / "test.tsv")
    work.mkdir(exist_ok=True)
    models = {"hardened": args.model, "unhardened": unhardened(args, work)}
    clean = {name: measure(args, model, test, work) for name, model in models.items()}
    rows = []
    for share in args.share:
        for attack in ATTACKS:
            part = Texts(NAMES, attacked(test.texts, attack, share, args.draw), test.labels, test.cohorts)
            found = {name: measure(args, model, part, work) for name, model in models.items()}
            lost = {name: round(clean[name]["recall"] - rates["recall"], 2) for name, rates in found.items()}
            more = round(found["hardened"]["false_positives"] - clean["hardened"]["false_positives"], 2)
            rows.append({"attack": attack, "share": share, **found, "recall_lost": lost, "more_false_positives": more})
            print(f"{share} {attack:10}  " + "  ".join(
                f"{name} recall {found[name]['recall']:6.2f} (-{lost[name]:.2f}) false positives {found[name]['false_positives']:.2f}"
                for name in models), flush=True)
    print("clean", clean)
    args.output.write_text(json.dumps({"clean": clean, "seed": args.draw, "attacks": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
