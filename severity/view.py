"""The model's view of a batch: levels, probabilities, what is plausible, and what leads to the published levels."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity.conformal import sets_of
from severity.forest_kernel import kernel
from severity.laps import Lap
from severity.policy import Policy, levels_of
from severity.reasons import Leading
from severity.rules import Floor
from severity.scorer import Scorer

Five = tuple[float, float, float, float, float]

TOLERANCE: Final = 1e-6
"""Largest difference between a raw score and its parts that rounding explains."""

SETS: Final = tuple(tuple(level for level in range(1, 6) if which >> level - 1 & 1) for which in range(32))
"""The levels of each set, by what `sets_of` says."""


class Plausible(Protocol):
    """Least probabilities (5,) at which a level is plausible; `severity.conformal.PredictionSets`."""

    least_: NDArray[np.float64]


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
    probabilities, n = scores.probabilities, len(reports)
    # Kernels check no bounds: what a model or its artefact brings along is looked at first.
    if not scores.raw.shape == probabilities.shape == (n, 5) or prediction_sets.least_.shape != (5,):
        raise ModelFailed(f"not five raw scores, five probabilities and five thresholds for each of {n} reports")
    lowest = np.array([floor.level if floor else 1 for floor in floors])
    decided = _decide(scores.raw, probabilities, policy.worth, prediction_sets.least_, lowest)
    if not decided.sound:
        raise ModelFailed("what should be a probability is none")
    baselines, leads = scores.leading(decided.published, policy.reasons)
    starts = baselines.tolist()
    for start, led, raw in zip(starts, leads, decided.raw.tolist(), strict=True):
        if not abs(start + led.total - raw) <= TOLERANCE:
            raise ModelFailed("the contributions do not add up to the raw score")
    return [
        *map(
            View,
            decided.levels.tolist(),
            map(tuple, probabilities.tolist()),
            decided.scores.tolist(),
            [SETS[which] for which in decided.sets.tolist()],
            starts,
            leads,
        )
    ]


class _Decided(NamedTuple):
    sound: bool  # whether these are probabilities at all
    levels: NDArray[np.int64]  # (n,) the model's
    published: NDArray[np.int64]  # (n,) not below the floor
    raw: NDArray[np.float64]  # (n,) of the published level
    scores: NDArray[np.float64]  # (n,)
    sets: NDArray[np.int64]  # (n,)


# See the warning in `severity.scorer` about kernels that stand in other files.
@kernel
def _decide(
    raw: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    worth: NDArray[np.float64],
    least: NDArray[np.float64],
    floors: NDArray[np.int64],
) -> _Decided:
    """What the policy makes of raw scores and probabilities (n, 5). least: see `Plausible`; floors: (n,)."""
    levels = levels_of(probabilities, worth)
    published = np.maximum(levels, floors)
    sound = True
    chosen = np.empty(published.shape[0])
    for row in range(published.shape[0]):
        chosen[row] = raw[row, published[row] - 1]
        for probability in probabilities[row]:
            sound = sound and 0.0 <= probability <= 1.0
    return _Decided(sound, levels, published, chosen, scores_of(probabilities), sets_of(probabilities, least))


@kernel
def scores_of(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """25 × (expected level - 1) of each row (n, 5), 0 to 100; a row's own sum is divided out, being 1 only nearly."""
    scores = np.empty(probabilities.shape[0])
    for row in range(probabilities.shape[0]):
        weight = total = 0.0
        for level in range(5):
            weight += probabilities[row, level] * level
            total += probabilities[row, level]
        scores[row] = min(max(25 * weight / total, 0.0), 100.0)
    return scores
