"""Prediction sets with a coverage for each level: class-conditional (Mondrian) split conformal prediction.

Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World" (2005), 4.5. Coverage over all reports together would
leave the rare top level out (58 % of it covered where 90 % was promised), so each level has its own threshold.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from severity.forest_kernel import kernel

LEVELS: Final = 5
BITS: Final = 1 << np.arange(LEVELS)
"""Of each level in a set."""


class PredictionSets:
    """Plausible levels of a report: each true level is in its set with probability `coverage`, whichever it is.

    It holds for reports exchangeable with the ones it was fitted to; fit it to the newest held-out part, which the
    model was not fitted to. A level with too few held-out reports to tell is always plausible.
    """

    def __init__(self, coverage: float = 0.9) -> None:
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage is {coverage}, not between 0 and 1")
        self.coverage = coverage

    def fit(self, probabilities: ArrayLike, levels: ArrayLike, weights: ArrayLike | None = None) -> "PredictionSets":
        """Learn the least probability at which a level is plausible: `least_` (5,), and `counts_` (5,) of reports.

        probabilities: (n, 5) of held-out reports; levels: (n,) 1 to 5; weights: (n,), such as the inverse chance of an
        audit. With weights the coverage is that of the weighted reports (Tibshirani et al. 2019, with the heaviest
        weight given to the report to come).
        """
        p, y, w = _checked(probabilities, levels, weights)
        self.least_ = np.zeros(LEVELS)
        self.counts_ = np.bincount(y, minlength=LEVELS)
        for level in range(LEVELS):
            mine = y == level
            if mine.any():
                self.least_[level] = _least(p[mine, level], w[mine], self.coverage)
        return self

    def plausible(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Whether each level is plausible (n, 5); the most probable one always is, so no set is empty."""
        p = np.asarray(probabilities, dtype=np.float64)
        return (sets_of(p, self.least_)[:, np.newaxis] & BITS).astype(np.bool_)


@kernel
def sets_of(probabilities: NDArray[np.float64], least: NDArray[np.float64]) -> NDArray[np.int64]:
    """Sets of plausible levels (n,), each the sum of its levels' BITS. See `PredictionSets`."""
    sets = np.empty(probabilities.shape[0], np.int64)
    for row in range(probabilities.shape[0]):
        sets[row] = BITS[probabilities[row].argmax()]
        for level in range(LEVELS):
            if probabilities[row, level] >= least[level]:
                sets[row] |= BITS[level]
    return sets


def _least(own: NDArray[np.float64], weights: NDArray[np.float64], coverage: float) -> float:
    """Greatest threshold that at least `coverage` of the weight, the report to come counted as missed, stays above."""
    order = np.argsort(-own)
    covered = np.cumsum(weights[order]) / (weights.sum() + weights.max())
    enough = np.flatnonzero(covered >= coverage * (1 - 1e-12))
    return float(own[order[enough[0]]]) if len(enough) else 0.0


def _checked(
    probabilities: ArrayLike, levels: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(levels)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    if p.shape != (len(y), LEVELS) or w.shape != y.shape:
        raise ValueError(f"{len(y)} levels need probabilities of ({len(y)}, 5), not {p.shape}, and weights {w.shape}")
    if len(y) and not (np.isin(y, np.arange(1, LEVELS + 1)).all() and (w > 0).all()):
        raise ValueError("levels are 1 to 5 and weights are greater than 0")
    return p, y.astype(np.int64) - 1, w
