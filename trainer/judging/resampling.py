"""How sure a figure is: the bootstrap over reports (Efron 1979), paired when it is a difference of two models.

One report is one row of a training set, whatever number of revisions and outcomes it had, so that drawing rows draws
whole reports. A figure that is a function of sums over reports needs only the sums of each draw, and these are one
product of matrices for all figures of all models, on the same draws.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

DRAWS: Final = 1000
SEED: Final = 20_261_124
"""Fixed, so that the same training gives the same verdict."""

AT_A_TIME: Final = 100
"""Draws whose counts are held together: 100 of 20,000 reports take 16 MB."""

OUTSIDE: Final = 2.5
"""Per cent of the draws below and above an interval of 95 %."""

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A figure and its percentile interval of 95 %. NaN where it is a figure of nothing."""

    value: float
    low: float
    high: float


def resampled(columns: Floats, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Sums (draws + 1, f) of `columns` (n, f): over the rows as they are, then over rows drawn with replacement."""
    return np.concatenate(
        [columns.sum(axis=0)[None], *(counts @ columns for counts in _counts(len(columns), draws, seed))]
    )


def interval(values: Floats) -> Interval:
    """Of a figure's `values` (draws + 1,), the first one as it is; draws in which it has no value are left out."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not len(drawn) or not np.isfinite(values[0]):
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.percentile(drawn, [OUTSIDE, 100 - OUTSIDE])
    return Interval(float(values[0]), float(low), float(high))


def _counts(n: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each of n rows was drawn, (some draws, n)."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, AT_A_TIME):
        some = min(AT_A_TIME, draws - start)
        drawn = rng.integers(0, n, (some, n)) + n * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)
