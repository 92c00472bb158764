"""Make the answers that other libraries give for comparisons of counts.

    pip install -r requirements.txt
    python make_fixtures.py fixtures.json

README.md says which library each answer is of. Where two libraries are asked, this script stops when they differ.
"""

import argparse
import json

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests.psi import _psi
from evidently.legacy.calculations.stattests.tvd_stattest import _total_variation_distance
from evidently.legacy.core import ColumnType
from scipy import linalg
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chi2_contingency, chisquare, false_discovery_control
from statsmodels.stats.multitest import multipletests

FREEDOMS = (1, 2, 3, 7, 15, 31, 100)
STATISTICS = (1e-6, 0.1, 1.0, 5.0, 14.07, 30.0, 80.0, 300.0)
TAILS = (0.5, 0.05, 0.01, 1e-4, 1e-8)
EPSILONS = (0.2, 1.0, 2.0, 5.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    args = parser.parse_args()
    fixtures = {
        "tails": [[x, k, float(chi2.sf(x, k))] for k in FREEDOMS for x in STATISTICS],
        "quantiles": [[tail, k, float(chi2.isf(tail, k))] for k in FREEDOMS for tail in TAILS],
        "tables": [table(seed) for seed in range(24)],
        "known": [known(seed) for seed in range(8)],
        "randomized": [randomized(seed) for seed in range(24)],
        "discoveries": [discoveries(seed) for seed in range(8)],
        "quality": [quality(seed) for seed in range(6)],
    }
    with open(args.output, "w", encoding="utf-8") as file:
        file.write("{\n")
        for index, (name, cases) in enumerate(fixtures.items()):
            lines = ",\n  ".join(json.dumps(case) for case in cases)
            file.write(f'{"," if index else ""}"{name}": [\n  {lines}\n]\n')
        file.write("}\n")


def same(one, other, what):
    if not np.allclose(one, other, rtol=1e-10, atol=1e-12):
        raise SystemExit(f"{what}: {one} and {other}")


def shares(rng, bins, even=4.0):
    return rng.dirichlet(np.full(bins, even))


def table(seed):
    """Exact counts on both sides, at least 5 expected in each cell."""
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(2, 12))
    truth = shares(rng, bins)
    moved = truth if seed % 2 else 0.7 * truth + 0.3 * shares(rng, bins)
    window = rng.multinomial(int(rng.integers(300, 3000)), 0.9 * moved + 0.1 / bins)
    reference = rng.multinomial(int(window.sum() * rng.uniform(0.5, 9.5)), 0.9 * truth + 0.1 / bins)
    answer = chi2_contingency([reference, window], correction=False)
    assert answer.expected_freq.min() >= 5
    sides = [np.repeat(np.arange(bins), counts) for counts in (reference, window)]
    series = [pd.Series(side) for side in sides]
    p, q = reference / reference.sum(), window / window.sum()
    tv = float(np.abs(p - q).sum() / 2)
    same(tv, _total_variation_distance(*series), "total variation")
    psi, _ = _psi(*series, ColumnType.Categorical, 0.1)
    return {
        "reference": reference.tolist(),
        "window": window.tolist(),
        "statistic": float(answer.statistic),
        "freedom": int(answer.dof),
        "chance": float(answer.pvalue),
        "moved": tv,
        "stability": float(psi),
        "divergence": float(jensenshannon(p, q) ** 2),
    }


def known(seed):
    """A reference so large that it is known: what Pearson's test of one row says, and both differ by the reference's own chance only."""
    rng = np.random.default_rng(100 + seed)
    bins = int(rng.integers(2, 9))
    truth = np.round(shares(rng, bins) * 1e6).astype(int) + 20_000
    window = rng.multinomial(2000, truth / truth.sum())
    answer = chisquare(window, truth / truth.sum() * window.sum())
    return {"reference": truth.tolist(), "window": window.tolist(), "statistic": float(answer.statistic)}


def response(bins, epsilon):
    """Keep and other, from the definition."""
    if epsilon is None:
        return 1.0, 0.0
    return np.exp(epsilon) / (np.exp(epsilon) + bins - 1), 1 / (np.exp(epsilon) + bins - 1)


def estimated(tallies, bins):
    """Unbiased shares, weighted by information, and what their covariance needs."""
    parts = []
    for epsilon, counts in tallies:
        keep, other = response(bins, epsilon)
        n = sum(counts)
        parts.append((keep, other, n, n * (keep - other) ** 2, (np.array(counts) / n - other) / (keep - other)))
    information = sum(part[3] for part in parts)
    return sum(part[3] / information * part[4] for part in parts), parts, information


def covariance(parts, information, null, factor=1.0):
    total = 0
    for keep, other, n, own, _ in parts:
        told = other + (keep - other) * null
        transform = own / information / (keep - other)
        total = total + transform**2 * (np.diag(told) - np.outer(told, told)) / (n * factor)
    return total


def randomized(seed):
    """Randomized responses on one side or both, of one epsilon or two; the statistic by the pseudo-inverse of the covariance."""
    rng = np.random.default_rng(200 + seed)
    bins = int(rng.integers(3, 17))
    truth = shares(rng, bins)
    moved = truth if seed % 2 else 0.6 * truth + 0.4 * shares(rng, bins)

    def tally(shares, epsilon, n):
        keep, other = response(bins, epsilon)
        return [epsilon, rng.multinomial(n, other + (keep - other) * shares).tolist()]

    window = [tally(moved, EPSILONS[seed % 4], int(rng.integers(400, 4000)))]
    if seed % 3 == 0:
        window.append(tally(moved, EPSILONS[(seed + 1) % 4], 900))
    reference = [tally(truth, EPSILONS[seed % 4] if seed % 2 else None, 5000)]
    (seen, seen_parts, seen_information) = estimated(window, bins)
    (expected, expected_parts, expected_information) = estimated(reference, bins)
    factor = min(1.0, 10 * seen_information / expected_information)
    weight = expected_information * factor
    null = np.maximum((weight * expected + seen_information * seen) / (weight + seen_information), 0)
    null = null / null.sum()
    for keep, other, n, _, _ in seen_parts:
        assert (n * (other + (keep - other) * null)).min() >= 5, "cells would be pooled"
    both = covariance(seen_parts, seen_information, null) + covariance(expected_parts, expected_information, null, factor)
    difference = seen - expected
    statistic = float(difference @ linalg.pinvh(both) @ difference)
    return {
        "bins": bins,
        "reference": reference,
        "window": window,
        "seen": seen.tolist(),
        "statistic": statistic,
        "chance": float(chi2.sf(statistic, bins - 1)),
    }


def discoveries(seed):
    rng = np.random.default_rng(300 + seed)
    chances = rng.uniform(size=int(rng.integers(1, 40))) ** (1 + seed % 4 * 3)
    if seed % 3 == 0:
        chances = np.round(chances, 1)
    adjusted = false_discovery_control(chances)
    same(adjusted, multipletests(chances, method="fdr_bh")[1], "Benjamini-Hochberg")
    return {"chances": chances.tolist(), "adjusted": adjusted.tolist()}


def quality(seed):
    """The mean and the variance of a linear function of estimated shares, and of audits' corrections."""
    rng = np.random.default_rng(400 + seed)
    means = np.sort(rng.uniform(0.3, 1.0, size=8))
    epsilon = (None, 1.0, 4.0)[seed % 3]
    keep, other = response(8, epsilon)
    counts = rng.multinomial(5000, other + (keep - other) * shares(rng, 8))
    estimate, parts, information = estimated([(epsilon, counts.tolist())], 8)
    possible = np.maximum(estimate, 0) / np.maximum(estimate, 0).sum()
    variance = means @ covariance(parts, information, possible) @ means
    confidence = rng.uniform(0.5, 1, size=int(rng.integers(30, 200)))
    right = rng.uniform(size=len(confidence)) < confidence - 0.1
    off = right - confidence
    accuracy = estimate @ means + off.mean()
    half = 1.959963984540054 * np.sqrt(variance + off.var(ddof=1) / len(off))
    return {
        "epsilon": epsilon,
        "counts": counts.tolist(),
        "means": means.tolist(),
        "audits": [[float(c), bool(r)] for c, r in zip(confidence, right)],
        "accuracy": float(accuracy),
        "interval": [float(np.clip(accuracy + side * half, 0, 1)) for side in (-1, 1)],
    }


if __name__ == "__main__":
    main()
