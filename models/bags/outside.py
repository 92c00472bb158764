#!/usr/bin/env python3
"""Texts that are none of a model's business, for `dunlin eval --ood`.

    python models/bags/outside.py --languages FOLDER --without en --each 40 --noise 1000 --work target/models/outside

FOLDER has a file a language, a sentence a line; `languages.tsv` gets the first sentences of each but those left out.
`random-characters.tsv` and `random-bytes.tsv` are noise: printable characters of ASCII, and bytes read as UTF-8 with
a replacement for each that is none.
"""

import argparse
import pathlib

import numpy as np


def noise(count, seed):
    """Texts of 20 to 160 random characters or bytes, on one line each."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, 161, (2, count))
    characters = [bytes(rng.integers(32, 127, length, dtype=np.uint8)).decode() for length in lengths[0]]
    octets = [bytes(rng.integers(0, 256, length, dtype=np.uint8)).decode(errors="replace") for length in lengths[1]]
    return {"random-characters": characters, "random-bytes": [" ".join(text.split()) for text in octets]}


def languages(folder, each, without):
    """The first sentences of each language."""
    texts = []
    for file in sorted(folder.glob("*.txt")):
        if file.stem not in without:
            lines = file.read_text(encoding="utf-8").split("\n")
            texts += [" ".join(line.split()) for line in lines if line.strip()][:each]
    return texts


def write(path, texts):
    path.write_text("\n".join(["text", *texts]) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Texts that are none of a model's business.")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the tables")
    parser.add_argument("--languages", type=pathlib.Path, help="folder with a file a language")
    parser.add_argument("--each", type=int, default=40, help="sentences of each language")
    parser.add_argument("--without", nargs="*", default=[], help="languages to leave out")
    parser.add_argument("--noise", type=int, default=1000, help="how many random texts of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the noise")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    kinds = noise(args.noise, args.seed)
    if args.languages:
        kinds["languages"] = languages(args.languages, args.each, args.without)
    for name, texts in kinds.items():
        write(args.work / f"{name}.tsv", texts)
        print(f"{name}.tsv: {len(texts)} texts")


if __name__ == "__main__":
    main()
