"""Made-up logits with labels: every case is drawn from a seed of its own name."""

import zlib
from dataclasses import dataclass

import numpy as np

COHORTS = 3
PLACES = 3


@dataclass
class Samples:
    """`logits` are float32 values in float64, `labels` and `cohorts` have one entry a row."""

    name: str
    logits: np.ndarray
    labels: np.ndarray
    cohorts: np.ndarray

    @property
    def classes(self):
        return self.logits.shape[1]

    def has_row_ties(self):
        return any(len(np.unique(row)) < self.classes for row in self.logits)


def all_cases():
    yield drawn("two_classes", 400, 2, sharpness=2.5)
    yield drawn("three_classes_shy", 250, 3, sharpness=0.4)
    yield drawn("ten_classes", 400, 10, sharpness=1.7)
    yield drawn("thirty_classes", 150, 30, sharpness=1.4)
    yield drawn("hundred_classes", 60, 100, sharpness=1.0)
    yield drawn("large_logits", 120, 4, sharpness=40.0)
    yield drawn("a_class_without_samples", 80, 5, sharpness=1.5, labels_below=4)
    for samples in (1, 2, 3, 7):
        yield drawn(f"tiny_{samples}", samples, 3, sharpness=1.2)
    yield drawn("ties", 200, 4, sharpness=1.5, grid=1.0)
    yield drawn("one_class", 20, 1, sharpness=1.0)
    yield ruled("perfect", 60, 3, lambda best, rng: best)
    yield ruled("hopeless", 60, 3, lambda best, rng: (best + 1 + rng.integers(2, size=len(best))) % 3)
    yield ruled("by_chance", 300, 3, lambda best, rng: rng.integers(3, size=len(best)))


def drawn(name, samples, classes, sharpness, labels_below=None, grid=0.001):
    """A model that knows something: labels are drawn by the softmax of its logits over `sharpness`, which is its best temperature."""
    rng = seeded(name)
    wanted = rng.normal(size=(samples, classes)) * 1.5
    wanted[np.arange(samples), rng.integers(classes, size=samples)] += 2.0
    odds = wanted[:, :labels_below]
    labels = np.argmax(odds + rng.gumbel(size=odds.shape), axis=1)
    return finish(name, wanted * sharpness, labels, grid, rng)


def ruled(name, samples, classes, label_of):
    """Labels that follow from the largest logit."""
    rng = seeded(name)
    logits = rng.normal(size=(samples, classes)) * 2.0
    return finish(name, logits, label_of(np.argmax(logits, axis=1), rng), 0.001, rng)


def finish(name, logits, labels, grid, rng):
    logits = np.round(np.round(logits / grid) * grid, PLACES)
    while grid < 1 and (equal := beside_equal(logits)).any():
        logits = np.round(logits + equal * grid, PLACES)
    logits = logits.astype(np.float32).astype(np.float64)
    return Samples(name, logits, labels, rng.integers(COHORTS, size=len(labels)))


def beside_equal(logits):
    """Marks logits that another one of their row with a smaller class equals."""
    return np.array([[value in row[:place] for place, value in enumerate(row)] for row in logits])


def seeded(name):
    return np.random.default_rng(zlib.crc32(name.encode()))
