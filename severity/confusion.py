"""Figures of merit that a confusion matrix holds: of one, or of a thousand resampled ones at once.

`c` is (..., 5, 5): row the true level, column the decided one, each cell a count or a sum of weights. Figures have the
leading axes of `c`. A figure of nothing is NaN.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVELS: Final = 5
GRAVE: Final = 4
"""Level from which a report is grave."""

HARM_DAYS: Final = np.array([2.0, 7.5, 45.0, 185.0, 2555.0])
"""Harm of a report of level 1 to 5: median harm days of the offences of the level in tables/levels/nibrs.csv, whose
source is the Cambridge Crime Harm Index."""

Floats = NDArray[np.float64]

_TRUE, _DECIDED = np.mgrid[0:LEVELS, 0:LEVELS]
_QUADRATIC: Final = ((_TRUE - _DECIDED) ** 2).astype(np.float64)
_FAR: Final = np.abs(_TRUE - _DECIDED) >= 2
_UNDERSTATED: Final = _DECIDED < _TRUE


def confusion(truth: ArrayLike, decided: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """(5, 5) from levels (n,) 1 to 5; each report counts 1, or its weight (n,)."""
    cells = cell(truth, decided)
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    return np.bincount(cells, w, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS).astype(np.float64)


def cell(truth: ArrayLike, decided: ArrayLike) -> NDArray[np.int64]:
    """Number (n,) of the cell, 0 to 24, that each report counts in."""
    return np.asarray((np.asarray(truth, dtype=np.int64) - 1) * LEVELS + np.asarray(decided, dtype=np.int64) - 1)


def accuracy(c: Floats) -> Floats:
    """Share of levels that are right."""
    return _share(np.trace(c, axis1=-2, axis2=-1), c.sum(axis=(-2, -1)))


def precision(c: Floats) -> Floats:
    """Of each level (..., 5), share of the reports decided so that are so; 0 where it was never decided."""
    return np.nan_to_num(_share(_right(c), c.sum(axis=-2)))


def recall(c: Floats) -> Floats:
    """Of each level (..., 5), share of its reports that were decided so; 0 where it never occurred."""
    return np.nan_to_num(_share(_right(c), c.sum(axis=-1)))


def f1(c: Floats) -> Floats:
    """F1 of each level (..., 5); NaN where it neither occurs nor was decided."""
    return _share(2 * _right(c), c.sum(axis=-1) + c.sum(axis=-2))


def macro_f1(c: Floats) -> Floats:
    """Mean F1 of the levels that occur or were decided, as scikit-learn's `f1_score(average="macro")`."""
    each = f1(c)
    known = np.isfinite(each)
    return _share(np.where(known, each, 0.0).sum(axis=-1), known.sum(axis=-1))


def weighted_f1(c: Floats) -> Floats:
    """Mean F1 of the levels, weighted by how often they occur."""
    occurs = c.sum(axis=-1)
    return _share((np.nan_to_num(f1(c)) * occurs).sum(axis=-1), occurs.sum(axis=-1))


def quadratic_kappa(c: Floats) -> Floats:
    """Cohen's kappa with quadratic weights (Cohen 1968): agreement beyond chance, a miss by two counting four times."""
    total = c.sum(axis=(-2, -1))
    chance = (_QUADRATIC * c.sum(axis=-1)[..., :, None] * c.sum(axis=-2)[..., None, :]).sum(axis=(-2, -1))
    return np.asarray(1 - _share((_QUADRATIC * c).sum(axis=(-2, -1)) * total, chance))


def far_misses(c: Floats) -> Floats:
    """Share missed by two levels or more."""
    return _share((_FAR * c).sum(axis=(-2, -1)), c.sum(axis=(-2, -1)))


def grave_recall(c: Floats) -> Floats:
    """Share of the reports of levels 4 and 5 that were decided as one of these."""
    grave = c[..., GRAVE - 1 :, :]
    return _share(grave[..., GRAVE - 1 :].sum(axis=(-2, -1)), grave.sum(axis=(-2, -1)))


def harm_recall(c: Floats) -> Floats:
    """Share of all harm days (`HARM_DAYS`) that lie in reports decided at their level or above."""
    harm = HARM_DAYS[:, None] * c
    return _share(np.where(_UNDERSTATED, 0.0, harm).sum(axis=(-2, -1)), harm.sum(axis=(-2, -1)))


def _right(c: Floats) -> Floats:
    return np.asarray(np.diagonal(c, axis1=-2, axis2=-1))


def _share(part: ArrayLike, whole: ArrayLike) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0))
