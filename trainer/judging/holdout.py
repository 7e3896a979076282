"""The newest labelled reports, which no twin has seen: what is known of them, and what each model says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.crime_report import CrimeReport
from severity.confusion import LEVELS
from severity.model import SeverityModel
from severity.rules import Rules
from trainer.judging.evaluation import MAJORITY, RULES, Floats, Ints, Judged
from trainer.judging.gate import SURE_ROWS
from trainer.judging.resampling import SEED
from trainer.offline.baselines import RulesAlone
from trainer.training.lessons import Lesson
from trainer.training.training_set import TrainingSet
from trainer.training.weights import judging

SHARE: Final = 0.2
MOST_ROWS: Final = 20_000
"""Newest share of the labelled reports that models are judged on, and most of them: the standard deviation of an
accuracy over 20,000 is .003 already, and an older cut would judge staler twins."""

BINS: Final = 15
TRIALS: Final = 200
"""Bins of the calibration error, as in `severity.metrics`, and draws of labels for what chance shows of it."""


def cut_of(n: int) -> int:
    """Where the held-out part of n reports in order of filing begins.

    `SURE_ROWS` of them at least, where as many are left to learn from; the newest `SHARE` else.
    """
    share = round(SHARE * n)
    rows = min(max(share, SURE_ROWS), MOST_ROWS)
    return n - (rows if n >= 2 * rows else share)


@dataclass(frozen=True, slots=True)
class Holdout:
    """The reports from row `cut` on, in order of filing; `basis` of their labels."""

    reports: Sequence[CrimeReport]
    basis: npt.NDArray[np.str_]
    judged: Judged

    @classmethod
    def after(cls, cut: int, labelled: TrainingSet, now: Lesson) -> "Holdout":
        """Those of a training set, with the labels of the present lesson."""
        reports = list(labelled.reports[cut:])
        guarded = np.array([bool(one.flags.domestic or one.flags.protective_order) for one in reports])
        judged = Judged(labelled.levels[cut:], judging(now.chance[cut:]), guarded)
        return cls(reports, labelled.basis[cut:], judged)

    def answers(self, models: Mapping[str, SeverityModel], older: Ints) -> dict[str, Floats]:
        """Probabilities (n, 5) that each model gives, and beside them the rules alone and the majority of `older`."""
        counts = np.bincount(older - 1, minlength=LEVELS)
        given: dict[int, Floats] = {}  # by model: twins of equal lessons are one
        for model in models.values():
            if id(model) not in given:
                given[id(model)] = model.predict_proba(self.reports)
        return {
            **{name: given[id(model)] for name, model in models.items()},
            RULES: RulesAlone(Rules.load()).predict_proba(self.reports),
            MAJORITY: np.tile(counts / counts.sum(), (len(self.reports), 1)),
        }


def calibration_by_chance(probabilities: Floats) -> float:
    """Calibration error that 19 in 20 draws of labels from the very `probabilities` (n, 5) stay within."""
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rng = np.random.default_rng(SEED)
    errors = []
    for _ in range(TRIALS):
        right = rng.random(len(confidence)) < confidence
        errors.append(np.abs(np.bincount(bins, right - confidence, minlength=BINS)).sum() / len(confidence))
    return float(np.quantile(errors, 0.95))
