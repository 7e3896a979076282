"""How good the decisions are on *all* reports, from the few whose truth is known, with an interval.

Cases that are solved are no fair sample of all cases. But some reports were drawn for a person to grade, by chance
alone, and of all others the model says what it expects. The difference estimator (Särndal, Swensson and Wretman 1992,
Model Assisted Survey Sampling, section 6.3) uses all of it: the model's probabilities fill in what is not known, and
the graded reports, which stand for the unsolved ones, tell by how much these are wrong. It is unbiased however bad the
model is, and the better the model the narrower the interval; machine learning knows it as prediction-powered inference
(Angelopoulos et al. 2023, Science 382:669).

What is estimated is the confusion matrix of all reports. Accuracy and macro-F1 follow from it, their variance by
linearisation (Särndal et al., section 5.5; for F1 as ratios of totals), in strata of time: where answers are late, the
newest reports have fewer of them, and each stratum's answers stand for its own reports alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from severity.levels import GRAVEST

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CONFIDENCE: Final = 0.95

LEAST_GRADED: Final = 30
"""Graded reports of unsolved cases below which no interval is given: its normal law would be wishful thinking."""

STRATUM_GRADED: Final = 50
"""Graded reports that a stratum of time should hold."""

MOST_STRATA: Final = 20


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate with its interval of `CONFIDENCE`; NaN where there is too little to tell."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Figures of all `reports`. `graded`: those of them that stand for the unsolved; `known`: known by their case."""

    accuracy: Figure
    macro_f1: Figure
    reports: int
    graded: int
    known: int


@dataclass(frozen=True, slots=True)
class Population:
    """All reports that were decided, in order of the decision, one row each.

    decided: level 1 to 5, (n,). expected: the model's probabilities of levels 1 to 5, (n, 5); NaN where it gave none.
    truth: level 1 to 5, (n,), and 0 where it is not known or where it is known that there is none. by_case: whether
    the case's own course told the truth. graded: whether a person who was asked by chance told it.
    """

    decided: Ints
    expected: Floats
    truth: Ints
    by_case: Flags
    graded: Flags

    def __len__(self) -> int:
        return len(self.decided)


def estimate(population: Population) -> Estimate:
    """Accuracy and macro-F1 over all reports that turn out to have a level."""
    told = _one_hot(population.truth)
    graded = population.graded & ~population.by_case
    counts = (len(population), int(graded.sum()), int(population.by_case.sum()))
    if graded.sum() < LEAST_GRADED:
        unknown = Figure(np.nan, np.nan, np.nan)
        return Estimate(unknown, unknown, *counts)
    expected = np.where(np.isnan(population.expected), 1 / GRAVEST, population.expected)
    filled = np.where(population.by_case[:, None], told, expected)
    wrong = (told - expected)[graded]
    rows, place = np.flatnonzero(graded), population.decided - 1

    strata = _Strata.of(~population.by_case, rows)
    totals = _totals(filled, place) + _totals(wrong * strata.weight[:, None], place[rows])
    accuracy, macro_f1 = (
        _figure(value, (wrong * slope[:, place[rows]].T).sum(axis=1), strata)
        for value, slope in (_accuracy(totals), _macro_f1(totals))
    )
    return Estimate(accuracy, macro_f1, *counts)


@dataclass(frozen=True, slots=True)
class _Strata:
    """Which stratum each graded report lies in, its weight, and how many reports each stands for."""

    of_row: Ints
    weight: Floats
    sizes: Ints
    graded: Ints

    @classmethod
    def of(cls, unsolved: Flags, rows: Ints) -> "_Strata":
        """Stretches of time with about equally many graded reports, cut halfway between two of them."""
        n = int(np.clip(len(rows) // STRATUM_GRADED, 1, MOST_STRATA))
        firsts = [part[0] for part in np.array_split(rows, n)[1:]]
        stretch = np.searchsorted(firsts, np.arange(len(unsolved)), side="right")
        sizes = np.bincount(stretch[unsolved], minlength=n)
        graded = np.bincount(stretch[rows], minlength=n)
        return cls(stretch[rows], (sizes / graded)[stretch[rows]], sizes, graded)


def _figure(value: float, slopes: Floats, strata: _Strata) -> Figure:
    """`slopes`: how much the figure moves with each graded report's error, (n graded,)."""
    n = strata.graded
    mean = np.bincount(strata.of_row, slopes) / n
    spread = np.bincount(strata.of_row, (slopes - mean[strata.of_row]) ** 2) / np.maximum(n - 1, 1)
    variance = float(np.sum(strata.sizes**2 * (1 - n / strata.sizes) * spread / n))
    half = float(student.ppf((1 + CONFIDENCE) / 2, n.sum() - len(n))) * np.sqrt(variance)
    return Figure(value, max(0.0, value - half), min(1.0, value + half))


def _accuracy(totals: Floats) -> tuple[float, Floats]:
    """Value and slope (5, 5) by each cell of the confusion matrix, row the true level."""
    n = totals.sum()
    value = float(np.trace(totals) / n)
    return value, (np.eye(GRAVEST) - value) / n


def _macro_f1(totals: Floats) -> tuple[float, Floats]:
    right = np.diag(totals)
    either = totals.sum(axis=0) + totals.sum(axis=1)
    there = either > 0
    f1 = np.divide(2 * right, either, out=np.zeros(GRAVEST), where=there)
    per = np.divide(1.0, either, out=np.zeros(GRAVEST), where=there) / there.sum()
    # A report in cell (k, d) is one more in `either` of k and in that of d, and a hit in both where they are the same.
    slope = 2 * np.diag(per) - (f1 * per)[:, None] - (f1 * per)[None, :]
    return float(f1[there].mean()), slope


def _totals(weights: Floats, place: Ints) -> Floats:
    """Sums (5, 5) of rows (n, 5) by the decided level, at `place` 0 to 4; column the decided one."""
    return np.stack([np.bincount(place, column, minlength=GRAVEST) for column in weights.T])


def _one_hot(truth: Ints) -> Floats:
    same: Floats = (truth[:, None] == np.arange(1, GRAVEST + 1)).astype(np.float64)
    return same
