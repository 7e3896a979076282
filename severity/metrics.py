"""Figures of merit of severity levels 1 to 5. `truth` and `predicted` are (n,) levels, `probabilities` is (n, 5)."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of levels that are right."""
    return float(np.mean(np.asarray(truth) == np.asarray(predicted)))


def per_level(truth: ArrayLike, predicted: ArrayLike) -> dict[int, LevelFigures]:
    """Precision, recall, F1 and support of each level."""
    from sklearn.metrics import precision_recall_fscore_support

    figures = precision_recall_fscore_support(truth, predicted, labels=LEVELS, zero_division=0.0)
    return {
        level: LevelFigures(float(p), float(r), float(f), int(n))
        for level, p, r, f, n in zip(LEVELS, *figures, strict=True)
    }


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 of the levels that occur in `truth` or `predicted`: scikit-learn's `f1_score(average="macro")`."""
    from sklearn.metrics import f1_score

    return float(f1_score(truth, predicted, average="macro", zero_division=0.0))


def weighted_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean F1 of the levels, weighted by their support."""
    from sklearn.metrics import f1_score

    return float(f1_score(truth, predicted, average="weighted", zero_division=0.0))


def confusion(truth: ArrayLike, predicted: ArrayLike) -> NDArray[np.int64]:
    """Counts (5, 5): row true level, column predicted level."""
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(truth, predicted, labels=LEVELS), dtype=np.int64)


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Cohen's kappa with quadratic weights: agreement beyond chance, a miss by two levels counting four times."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(truth, predicted, labels=LEVELS, weights="quadratic"))


def far_misses(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share missed by two levels or more."""
    return float(np.mean(np.abs(np.asarray(truth) - np.asarray(predicted)) >= 2))


def top_recall(truth: ArrayLike, probabilities: ArrayLike, flagged: float) -> float:
    """Recall of level 5 when the share `flagged` of reports with the greatest probability of it is flagged.

    Ties are broken by order. NaN when level 5 does not occur.
    """
    worst = np.asarray(truth) == 5
    if not worst.any():
        return float("nan")
    order = np.argsort(-np.asarray(probabilities)[:, 4], kind="stable")
    return float(worst[order[: round(flagged * len(order))]].sum() / worst.sum())


def log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative logarithm (natural) of the true level's probability."""
    from sklearn.metrics import log_loss as sklearn_log_loss

    return float(sklearn_log_loss(truth, probabilities, labels=LEVELS))


def calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error of the predicted level (Guo et al. 2017), over `bins` bins of equal width."""
    p = np.asarray(probabilities)
    confidence, right = p.max(axis=1), p.argmax(axis=1) + 1 == np.asarray(truth)
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def set_coverage(truth: ArrayLike, sets: ArrayLike) -> dict[int, Coverage]:
    """How often each level is in the prediction set (n, 5) of the reports that have it."""
    y, held = np.asarray(truth), np.asarray(sets, dtype=np.bool_)
    return {level: _coverage(held[y == level, level - 1]) for level in LEVELS}


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Interval of 95 % of a share of `hits` in `n` (Wilson 1927); (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z * Z / n
    middle = (share + z2 / 2) / (1 + z2)
    half = Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def _coverage(held: NDArray[np.bool_]) -> Coverage:
    n = len(held)
    return Coverage(float(held.mean()) if n else float("nan"), *wilson(int(held.sum()), n), n)
