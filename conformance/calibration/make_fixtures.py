"""Make the answers that other libraries give for calibration, prediction sets and their measures.

    pip install -r requirements.txt
    python make_fixtures.py fixtures.json

README.md says which library each answer is of. Where two libraries are asked, this script stops when they differ.
"""

import argparse
import json
import warnings
from importlib.metadata import version
from itertools import product

import numpy as np
import torch
from fairlearn.metrics import equalized_odds_difference
from mapie.metrics.uncertainty import auarc, auroc
from mapie.utils import _compute_classification_quantile
from netcal.metrics import ECE
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp, softmax
from scipy.stats import beta, binom, binomtest
from sklearn.calibration import _TemperatureScaling
from torchcp.classification.predictor import ClassConditionalPredictor, SplitPredictor
from torchcp.classification.score import LAC, RAPS

from samples import COHORTS, all_cases

ALPHAS = (0.02, 0.1, 0.5)
RAPS_PARAMETERS = ((0.0, 0), (0.01, 2), (0.2, 1))
BINS = (15, 10)
RIDGE = 1e-3
SHARES = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (0, 149), (7, 149), (1, 5574), (60, 5000), (4999, 5000), (50000, 100000)]
LIBRARIES = ("fairlearn", "mapie", "netcal", "scikit-learn", "scipy", "torchcp")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    fixtures = {
        "made_with": {library: version(library) for library in LIBRARIES},
        "ridge": RIDGE,
        "cases": [case(samples) for samples in all_cases()],
        "shares": [share(part, whole) for part, whole in SHARES],
    }
    with open(parser.parse_args().output, "w", encoding="utf-8") as file:
        json.dump(shortened(fixtures), file, separators=(",", ":"), allow_nan=False)
        file.write("\n")


def case(samples):
    factor = inverse_temperature(samples)
    return {
        "name": samples.name,
        "classes": samples.classes,
        "logits": [float(f"{value:.6g}") for value in samples.logits.ravel()],
        "labels": samples.labels.tolist(),
        "cohorts": samples.cohorts.tolist(),
        "inverse_temperature": factor,
        "vector": vector_scaling(samples, factor),
        "energies": (-logsumexp(samples.logits, axis=1)).tolist(),
        "conformal": [conformal(samples, alpha) for alpha in ALPHAS],
        "raps": [] if samples.has_row_ties() else [raps(samples, *given) for given in product(ALPHAS[1:], RAPS_PARAMETERS)],
        **measures(samples),
    }


def inverse_temperature(samples):
    """scikit-learn's, held against the root of the slope. None where no temperature is best."""
    rows = np.arange(len(samples.labels))

    def slope(log_factor):
        probabilities = softmax(np.exp(log_factor) * samples.logits, axis=1)
        return float(np.sum(np.sum(probabilities * samples.logits, axis=1) - samples.logits[rows, samples.labels]))

    if samples.classes == 1 or slope(-10.0) >= 0 or slope(10.0) <= 0:
        return None
    found = float(_TemperatureScaling().fit(samples.logits, samples.labels).beta_)
    root = float(np.exp(brentq(slope, -10.0, 10.0, xtol=1e-14)))
    agree(found, root, 1e-6)
    return found


def vector_scaling(samples, factor):
    """Minimum of the mean loss and the ridge, by SciPy; None where the ridge has no temperature to hold to."""
    if factor is None:
        return None
    classes, rows = samples.classes, np.arange(len(samples.labels))
    one_hot = np.eye(classes)[samples.labels]
    start = np.concatenate([np.full(classes, factor), np.zeros(classes)])

    def loss(point):
        calibrated = samples.logits * point[:classes] + point[classes:]
        nll = np.mean(logsumexp(calibrated, axis=1) - calibrated[rows, samples.labels])
        return nll + RIDGE / 2 * np.sum((point - start) ** 2)

    def gradient(point):
        miss = softmax(samples.logits * point[:classes] + point[classes:], axis=1) - one_hot
        data = np.concatenate([np.mean(miss * samples.logits, axis=0), np.mean(miss, axis=0)])
        return data + RIDGE * (point - start)

    found = minimize(loss, start, jac=gradient, method="BFGS", options={"gtol": 1e-12, "maxiter": 100000}).x
    # BFGS stops where losses can't be told apart; Newton's steps on the gradient go on.
    for _ in range(5):
        found = found - np.linalg.solve(hessian(samples, found), gradient(found))
    agree(np.max(np.abs(gradient(found))), 0.0, 1e-12)
    return {"scale": found[:classes].tolist(), "bias": found[classes:].tolist()}


def hessian(samples, point):
    classes = samples.classes
    probabilities = softmax(samples.logits * point[:classes] + point[classes:], axis=1)
    spread = np.einsum("ij,jk->ijk", probabilities, np.eye(classes)) - np.einsum("ij,ik->ijk", probabilities, probabilities)
    z, n = samples.logits, len(samples.labels)
    both = np.einsum("ijk,ij,ik->jk", spread, z, z), np.einsum("ijk,ij->jk", spread, z), spread.sum(axis=0)
    return np.block([[both[0], both[1]], [both[1].T, both[2]]]) / n + RIDGE * np.eye(2 * classes)


def conformal(samples, alpha):
    """TorchCP's split and class-conditional quantiles and sets; MAPIE's quantile is the same where there is one."""
    logits, labels = torch.tensor(samples.logits), torch.tensor(samples.labels)
    split = SplitPredictor(LAC(), alpha=alpha)
    split.calculate_threshold(logits, labels)
    by_class = ClassConditionalPredictor(LAC(), alpha=alpha)
    by_class.calculate_threshold(logits, labels, alpha)
    if np.isfinite(float(split.q_hat)):
        scores = split.cal_scores.numpy().reshape(-1, 1)
        agree(float(split.q_hat), float(_compute_classification_quantile(scores, np.array([alpha]))[0]), 1e-12)
    return {
        "alpha": alpha,
        "quantile": number(split.q_hat),
        "by_class": [number(quantile) for quantile in exact_by_class(samples, alpha, by_class)],
        "sets": sets(split.predict_with_logits(logits)),
    }


def exact_by_class(samples, alpha, predictor):
    """TorchCP keeps class quantiles, and alpha, as float32: the same quantiles at full precision, held against its own."""
    scores = LAC()(torch.tensor(samples.logits), torch.tensor(samples.labels))
    labels = torch.tensor(samples.labels)
    split = SplitPredictor(LAC(), alpha=alpha)
    exact = [split._calculate_conformal_value(scores[labels == label], alpha) for label in range(samples.classes)]
    for one, other in zip(exact, predictor.q_hat, strict=True):
        if np.isfinite(float(one)) or np.isfinite(float(other)):
            agree(float(one), float(other), 1e-6)
    return exact


def raps(samples, alpha, parameters):
    """TorchCP's scores, quantile and sets, without its random part."""
    penalty, k_reg = parameters
    logits, labels = torch.tensor(samples.logits), torch.tensor(samples.labels)
    predictor = SplitPredictor(RAPS(randomized=False, penalty=penalty, kreg=k_reg), alpha=alpha)
    predictor.calculate_threshold(logits, labels)
    return {
        "alpha": alpha,
        "lambda": penalty,
        "k_reg": k_reg,
        "scores": predictor.cal_scores.tolist(),
        "quantile": number(predictor.q_hat),
        "sets": sets(predictor.predict_with_logits(logits)),
    }


def measures(samples):
    probabilities = softmax(samples.logits, axis=1)
    confidence, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    right = (answers == samples.labels).astype(int)
    # Equal confidences are taken in the order of samples: that makes no difference where all are right or all are wrong.
    mixed = any(0 < right[confidence == level].mean() < 1 for level in np.unique(confidence))
    return {
        "calibration_error": {str(bins): calibration_error(confidence, right, bins) for bins in BINS},
        "aurc": None if mixed else 1.0 - auarc(right, confidence),
        "auroc": auroc(right, confidence) if 0 < right.sum() < len(right) else None,
        "odds": odds(samples, answers),
    }


def calibration_error(confidence, right, bins):
    """netcal's; None where a confidence is a border between bins, which are closed below there and above here."""
    inner = confidence[confidence < 1.0] * bins
    at_border = np.any(np.abs(inner - np.round(inner)) < 1e-9)
    return None if at_border else float(ECE(bins).measure(confidence, right))


def odds(samples, answers):
    """fairlearn's difference for each class against the rest; None where a cohort lacks either kind of sample."""
    differences = []
    for label in range(samples.classes):
        truth = samples.labels == label
        kinds = {(bool(is_it), int(cohort)) for is_it, cohort in zip(truth, samples.cohorts, strict=True)}
        complete = len(kinds) == 2 * COHORTS
        arguments = {"y_true": truth, "y_pred": answers == label, "sensitive_features": samples.cohorts}
        differences.append(float(equalized_odds_difference(**arguments)) if complete else None)
    return differences


def share(part, whole):
    test = binomtest(part, whole)
    wilson = test.proportion_ci(0.95, method="wilson")
    exact = test.proportion_ci(0.95, method="exact")
    upper = 1.0 if part == whole else float(beta.ppf(0.95, part + 1, whole - part))
    agree(upper, binomtest(part, whole, alternative="less").proportion_ci(0.95, method="exact").high, 1e-9)
    return {
        "part": part,
        "whole": whole,
        "wilson": [wilson.low, wilson.high],
        "clopper_pearson": [exact.low, exact.high],
        "upper": upper,
        "tail": {str(chance): float(binom.cdf(part, whole, chance)) for chance in (0.02, 0.5)},
    }


def sets(members):
    """The classes of each row's set."""
    return [np.flatnonzero(row).tolist() for row in members.numpy()]


def shortened(value):
    """The same with floats of 12 digits."""
    match value:
        case float():
            return float(f"{value:.12g}")
        case dict():
            return {key: shortened(inner) for key, inner in value.items()}
        case list():
            return [shortened(inner) for inner in value]
    return value


def number(value):
    """A JSON number; None for an infinite one."""
    value = float(value)
    return value if np.isfinite(value) else None


def agree(one, other, tolerance):
    if not abs(one - other) <= tolerance * max(1.0, abs(one)):
        raise SystemExit(f"{one} and {other} differ by more than {tolerance}")


if __name__ == "__main__":
    main()
