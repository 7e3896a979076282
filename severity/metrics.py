"""Figures of merit of severity levels 1 to 5. `truth` and `predicted` are (n,) levels, `probabilities` is (n, 5)."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from severity import confusion as of

LEVELS: Final = (1, 2, 3, 4, 5)
Z: Final = 1.959963984540054  # of a two-sided interval of 95 %


class LevelFigures(NamedTuple):
    """Of one level; precision is 0 where it was never predicted, recall where it never occurred."""

    precision: float
    recall: float
    f1: float
    support: int


class Coverage(NamedTuple):
    """Share of a level's reports whose prediction set holds it, with its Wilson interval of 95 %; NaN without any."""

    share: float
    low: float
    high: float
    support: int


def accuracy(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Share of levels that are right."""
    return float(of.accuracy(of.confusion(truth, predicted, weights)))


def per_level(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> dict[int, LevelFigures]:
    """Precision, recall, F1 of each level, and its support, which counts reports and not weights."""
    c = of.confusion(truth, predicted, weights)
    support = np.bincount(np.asarray(truth, dtype=np.int64), minlength=len(LEVELS) + 1)[1:]
    figures = zip(of.precision(c), of.recall(c), np.nan_to_num(of.f1(c)), support, strict=True)
    return {
        level: LevelFigures(float(p), float(r), float(f), int(n))
        for level, (p, r, f, n) in zip(LEVELS, figures, strict=True)
    }


def macro_f1(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean F1 of the levels that occur in `truth` or `predicted`: scikit-learn's `f1_score(average="macro")`."""
    return float(of.macro_f1(of.confusion(truth, predicted, weights)))


def weighted_f1(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean F1 of the levels, weighted by how often they occur."""
    return float(of.weighted_f1(of.confusion(truth, predicted, weights)))


def confusion(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Counts (5, 5): row true level, column predicted level."""
    return of.confusion(truth, predicted).astype(np.int64)


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Cohen's kappa with quadratic weights: agreement beyond chance, a miss by two levels counting four times."""
    return float(of.quadratic_kappa(of.confusion(truth, predicted, weights)))


def far_misses(truth: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Share missed by two levels or more."""
    return float(of.far_misses(of.confusion(truth, predicted, weights)))


def flag(probabilities: ArrayLike, share: float, weights: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Which reports (n,) are flagged when the `share` of them likeliest to be level 5 is; ties broken by order.

    With weights (n,) it is a share of their sum, so that it stands for a share of all reports.
    """
    order = np.argsort(-np.asarray(probabilities)[:, 4], kind="stable")
    w = np.ones(len(order)) if weights is None else np.asarray(weights, dtype=np.float64)
    flagged = np.zeros(len(order), dtype=np.bool_)
    middle = np.cumsum(w[order]) - w[order] / 2  # a report belongs to the side on which most of it lies
    flagged[order[middle < share * w.sum()]] = True
    return flagged


def top_recall(truth: ArrayLike, probabilities: ArrayLike, flagged: float, weights: ArrayLike | None = None) -> float:
    """Recall of level 5 when the share `flagged` of reports with the greatest probability of it is flagged.

    NaN when level 5 does not occur.
    """
    worst = np.asarray(truth) == 5
    w = np.ones(len(worst)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not worst.any():
        return float("nan")
    return float(w[worst & flag(probabilities, flagged, weights)].sum() / w[worst].sum())


def log_losses(truth: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """Negative logarithm (natural) of the true level's probability, of each report; a 0 counts as the least number."""
    p = np.asarray(probabilities, dtype=np.float64)
    own = p[np.arange(len(p)), np.asarray(truth, dtype=np.int64) - 1]
    return np.asarray(-np.log(np.maximum(own, np.finfo(np.float64).eps)))


def log_loss(truth: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean of `log_losses`."""
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    return float(np.average(log_losses(truth, probabilities), weights=w))


def calibration_error(
    truth: ArrayLike, probabilities: ArrayLike, bins: int = 15, weights: ArrayLike | None = None
) -> float:
    """Expected calibration error of the predicted level (Guo et al. 2017), over `bins` bins of equal width."""
    p = np.asarray(probabilities)
    confidence, right = p.max(axis=1), p.argmax(axis=1) + 1 == np.asarray(truth)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=w * (right - confidence), minlength=bins)
    return float(np.abs(gaps).sum() / w.sum())


def set_coverage(truth: ArrayLike, sets: ArrayLike, weights: ArrayLike | None = None) -> dict[int, Coverage]:
    """How often each level is in the prediction set (n, 5) of the reports that have it.

    With weights (n,) the interval is Wilson's for as many reports as they are worth, (sum w)^2 / sum w^2 (Kish 1965).
    """
    y, held = np.asarray(truth), np.asarray(sets, dtype=np.bool_)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    return {level: _coverage(held[y == level, level - 1], w[y == level]) for level in LEVELS}


def wilson(hits: float, n: float) -> tuple[float, float]:
    """Interval of 95 % of a share of `hits` in `n` (Wilson 1927); (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z * Z / n
    middle = (share + z2 / 2) / (1 + z2)
    half = Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _coverage(held: NDArray[np.bool_], w: NDArray[np.float64]) -> Coverage:
    if not len(held):
        return Coverage(float("nan"), *wilson(0, 0), 0)
    share, worth = float(np.average(held, weights=w)), float(w.sum() ** 2 / (w**2).sum())
    return Coverage(share, *wilson(share * worth, worth), len(held))
