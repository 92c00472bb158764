"""Texts, their parts and their ids.

A part of the data is a table `label<TAB>text<TAB>cohort` with a header, as
`dunlin eval` and `dunlin calibrate` read it. Near-duplicates, of which both
data sets have many, are kept in one part: else a test would ask for what was
learned by heart.
"""

import collections
import pathlib
import random
import subprocess
import unicodedata
import zlib

import numpy as np

SHINGLE = 8  # letters
SKETCH = 8  # hashes of a text that are kept
SEEN = 50  # latest texts with a hash that are looked at


class Texts:
    """Labelled texts: `texts`, `labels` (indices into `names`), `cohorts`."""

    def __init__(self, names, texts, labels, cohorts):
        self.names, self.texts, self.cohorts = names, texts, np.array(cohorts)
        self.labels = np.array(labels, np.int64)

    def subset(self, chosen):
        return Texts(self.names, [self.texts[i] for i in chosen],
                     self.labels[chosen], self.cohorts[chosen])

    def write(self, path):
        """A table without quotes: no text here has a tab or a line's end in it."""
        lines = ["label\ttext\tcohort"]
        for text, label, cohort in zip(self.texts, self.labels, self.cohorts):
            assert not set("\t\n\r") & set(text), "a text has a tab or a line's end"
            lines.append(f"{self.names[label]}\t{text}\t{cohort}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def sketch(text):
    """The smallest hashes of a text's runs of letters; alike texts share most."""
    letters = "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalpha())
    runs = {letters[i:i + SHINGLE] for i in range(max(1, len(letters) - SHINGLE + 1))}
    return sorted(zlib.crc32(run.encode()) for run in runs)[:SKETCH]


def near_duplicates(texts):
    """A group's number for each text: texts of a group share half of their sketches, directly or by others."""
    parent = list(range(len(texts)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    seen, lengths = collections.defaultdict(list), []
    for i, text in enumerate(texts):
        hashes = sketch(text)
        lengths.append(len(hashes))
        shared = collections.Counter(j for h in hashes for j in seen[h][-SEEN:])
        for j, count in shared.items():
            if 2 * count >= min(len(hashes), lengths[j]):
                parent[root(i)] = root(j)
        for h in hashes:
            seen[h].append(i)
    return [root(i) for i in range(len(texts))]


def split(texts, shares, seed):
    """Indices of each part: {name: indices}, by `shares` {name: share}, whole groups at a time."""
    groups = collections.defaultdict(list)
    for i, group in enumerate(near_duplicates(texts)):
        groups[group].append(i)
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    parts, names, bounds = {name: [] for name in shares}, list(shares), []
    for share in shares.values():
        bounds.append((bounds[-1] if bounds else 0) + share * len(texts))
    taken, part = 0, 0
    for group in order:
        while part + 1 < len(names) and taken >= bounds[part]:
            part += 1
        parts[names[part]] += groups[group]
        taken += len(groups[group])
    return {name: np.array(sorted(indices)) for name, indices in parts.items()}


class Bags:
    """Ids of texts, one after the other: text i has `ids[offsets[i]:offsets[i + 1]]`."""

    def __init__(self, ids, offsets):
        self.ids, self.offsets = ids.astype(np.int64), offsets.astype(np.int64)

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, i):
        return self.ids[self.offsets[i]:self.offsets[i + 1]]


def tokens(dunlin, spec, texts, work, name):
    """Bags of texts as a device makes them, by `dunlin tokens`.

    Returns the bags of the texts as they are read and, empty where there is none,
    those of their second view.
    """
    work = pathlib.Path(work)
    lines, arrays = work / f"{name}.txt", work / f"{name}.npz"
    lines.write_text("\n".join(texts) + "\n", encoding="utf-8")
    subprocess.run([dunlin, "tokens", spec, "--data", lines, "-o", arrays], check=True)
    made = np.load(arrays)
    first = Bags(made["ids"], made["offsets"])
    second = Bags(made["view_ids"], made["view_offsets"])
    if len(first) != len(texts):
        raise SystemExit(f"dunlin made {len(first)} rows of ids of {len(texts)} texts")
    return first, second


def length_cohort(text, bounds):
    """The name of the range of lengths, in characters, that a text belongs to."""
    low = 0
    for bound in bounds:
        if len(text) < bound:
            return f"{low}-{bound - 1}"
        low = bound
    return f"{low}+"
