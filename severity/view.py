"""The model's view of a batch: levels, probabilities, what is plausible, and what leads to the published levels."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity.laps import Lap
from severity.policy import Policy
from severity.reasons import Leading
from severity.rules import Floor
from severity.scorer import Scorer

Five = tuple[float, float, float, float, float]

TOLERANCE: Final = 1e-6
"""Largest difference between a raw score and its parts that rounding explains."""

BITS: Final = np.array([1, 2, 4, 8, 16])
SETS: Final = tuple(tuple(level for level in range(1, 6) if which >> level - 1 & 1) for which in range(32))
"""The levels of each set, by the sum of its BITS."""


class Plausible(Protocol):
    """Which levels (n, 5) are plausible; `severity.conformal.PredictionSets`."""

    def plausible(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]: ...


class ModelFailed(RuntimeError):
    """The model answered, but not with five probabilities for each report, or its reasons do not add up."""


class View(NamedTuple):
    """What the model says of one report. `baseline` and `led` are of the published level, the floor in it."""

    level: int
    probabilities: Five
    score: float  # 25 × (expected level - 1), 0 to 100
    plausible: tuple[int, ...]
    baseline: float
    led: Leading


def view(
    scorer: Scorer,
    prediction_sets: Plausible,
    policy: Policy,
    reports: Sequence[CrimeReport],
    floors: Sequence[Floor | None],
    lap: Lap,
) -> list[View]:
    """The model's view of each report. floors: those that hold. Raises ModelFailed, and whatever a model raises."""
    scores = scorer.score(reports, lap)
    probabilities = scores.probabilities
    if probabilities.shape != (len(reports), 5) or not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ModelFailed(f"not five probabilities for each of {len(reports)} reports")
    levels = policy.levels(probabilities)
    published = np.maximum(levels, [floor.level if floor else 1 for floor in floors])
    baselines, leads = scores.leading(published, policy.reasons)
    totals = baselines + [led.total for led in leads]
    if not (np.abs(totals - scores.raw[np.arange(len(reports)), published - 1]) <= TOLERANCE).all():
        raise ModelFailed("the contributions do not add up to the raw score")
    sets = (prediction_sets.plausible(probabilities) * BITS).sum(axis=1)
    return [
        *map(
            View,
            levels.tolist(),
            map(tuple, probabilities.tolist()),
            score(probabilities).tolist(),
            [SETS[which] for which in sets.tolist()],
            baselines.tolist(),
            leads,
        )
    ]


def score(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """25 × (expected level - 1) of each row (n, 5), 0 to 100; a row's own sum is divided out, being 1 only nearly."""
    weight = (probabilities * np.arange(5)).sum(axis=1)
    return np.asarray(np.clip(25 * weight / probabilities.sum(axis=1), 0.0, 100.0))
