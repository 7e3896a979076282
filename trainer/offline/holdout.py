"""The newest tenth of a file as the test: how good a model is on what was filed after everything it learned from.

Nothing is tuned on the test. Prediction sets are calibrated inside the training part, by time: a twin is fitted to its
older reports and its doubts about the newer ones set the thresholds, which then go with the model fitted to all of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.crime_report import CrimeReport
from schemas.priority import Priority
from severity import metrics
from severity.conformal import PredictionSets
from severity.metrics import Coverage, LevelFigures
from trainer.offline.baselines import Floats, Ints, Model

TEST_SHARE: Final = 0.1
CALIBRATION_SHARE: Final = 0.15
"""Newest part of the training part on which prediction sets are calibrated."""

FLAGGED: Final = (0.1, 0.2, 0.3)
"""Shares of reports flagged at which the recall of level 5 is given."""

FAR: Final = 2
"""Levels from which a miss is far off, as in `severity.metrics.far_misses`."""

Publish = Callable[[Model, PredictionSets, Sequence[CrimeReport]], Sequence[Priority]]
"""What the scorer would publish with this model: policy, floors and all."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Reports in order of filing and what each turned out to be, level 1 to 5."""

    reports: Sequence[CrimeReport]
    levels: Ints

    def __len__(self) -> int:
        return len(self.reports)

    def __getitem__(self, rows: slice) -> "Labelled":
        return Labelled(self.reports[rows], self.levels[rows])

    def pick(self, rows: npt.NDArray[np.bool_]) -> "Labelled":
        """Those rows for which `rows`, one a report, is true."""
        return Labelled([self.reports[row] for row in np.flatnonzero(rows).tolist()], self.levels[rows])


@dataclass(frozen=True, slots=True)
class Decisions:
    """How good decided levels are. `confusion[true - 1][decided - 1]` counts reports.

    `far_off`: share decided two levels or more from the truth; `far_too_low`: share decided so much below it.
    """

    accuracy: float
    macro_f1: float
    levels: dict[int, LevelFigures]
    far_off: float
    far_too_low: float
    confusion: list[list[int]]


@dataclass(frozen=True, slots=True)
class Doubts:
    """How honest probabilities are, and the class-conditional prediction sets made from them.

    `set_size` is the mean number of plausible levels.
    """

    log_loss: float
    calibration_error: float
    coverage: dict[int, Coverage]
    set_size: float


@dataclass(frozen=True, slots=True)
class Published:
    """What responders would have got: levels after policy and floors, and the share that asks for a person."""

    decisions: Decisions
    needs_person: float


@dataclass(frozen=True, slots=True)
class Holdout:
    """Figures on the test; None where there is nothing to tell.

    `decisions` are the most likely levels, floors off. `top_recall`: recall of level 5 by the share of reports flagged,
    the likeliest to be level 5 first.
    """

    train_rows: int
    test_rows: int
    fit_seconds: float
    decisions: Decisions
    top_recall: dict[float, float]
    doubts: Doubts | None
    published: Published | None
    probabilities: Floats


def split(labelled: Labelled, share: float) -> tuple[Labelled, Labelled]:
    """The older part, and the newest `share` of the reports. `ValueError` when one of them would be empty."""
    cut = int(len(labelled) * (1 - share))
    if not 0 < cut < len(labelled):
        raise ValueError(f"{len(labelled)} labelled reports are too few to set {share:.0%} of them apart")
    return labelled[:cut], labelled[cut:]


def hold_out(
    make: Callable[[], Model], train: Labelled, test: Labelled, *, certain: bool = False, publish: Publish | None = None
) -> Holdout:
    """Fit one model to `train` and judge it on `test`.

    `certain`: the model has no probabilities to speak of, so none are judged. `publish` makes priorities of the test's
    reports; `fit_seconds` is the one fit on all of `train`, the twin's apart.
    """
    begun = perf_counter()
    model = make().fit(train.reports, train.levels)
    fit_seconds = perf_counter() - begun
    probabilities = model.predict_proba(test.reports)
    sets = None if certain else calibrate(make, train)
    return Holdout(
        train_rows=len(train),
        test_rows=len(test),
        fit_seconds=fit_seconds,
        decisions=decisions(test.levels, most_likely(probabilities)),
        top_recall={share: metrics.top_recall(test.levels, probabilities, share) for share in FLAGGED},
        doubts=None if sets is None else doubts(test.levels, probabilities, sets),
        published=None if sets is None or publish is None else _published(test, publish(model, sets, test.reports)),
        probabilities=probabilities,
    )


def calibrate(make: Callable[[], Model], train: Labelled) -> PredictionSets:
    """Prediction sets from the newest reports of `train`, as a twin that never saw them doubts them."""
    older, newer = split(train, CALIBRATION_SHARE)
    twin = make().fit(older.reports, older.levels)
    return PredictionSets().fit(twin.predict_proba(newer.reports), newer.levels)


def most_likely(probabilities: Floats) -> Ints:
    """The most likely level of each row of (n, 5) probabilities."""
    levels: Ints = probabilities.argmax(axis=1) + 1
    return levels


def decisions(levels: Ints, decided: Ints) -> Decisions:
    """Figures of decided levels against true ones."""
    return Decisions(
        accuracy=metrics.accuracy(levels, decided),
        macro_f1=metrics.macro_f1(levels, decided),
        levels=metrics.per_level(levels, decided),
        far_off=metrics.far_misses(levels, decided),
        far_too_low=float(np.mean(levels - decided >= FAR)),
        confusion=metrics.confusion(levels, decided).tolist(),
    )


def doubts(levels: Ints, probabilities: Floats, sets: PredictionSets) -> Doubts:
    """Figures of (n, 5) probabilities and of the prediction sets made from them."""
    plausible = sets.plausible(probabilities)
    return Doubts(
        log_loss=metrics.log_loss(levels, probabilities),
        calibration_error=metrics.calibration_error(levels, probabilities),
        coverage=metrics.set_coverage(levels, plausible),
        set_size=float(plausible.sum(axis=1).mean()),
    )


def _published(test: Labelled, priorities: Sequence[Priority]) -> Published:
    decided = np.array([priority.severity for priority in priorities], dtype=np.int64)
    return Published(
        decisions=decisions(test.levels, decided),
        needs_person=float(np.mean([priority.needs_human_triage for priority in priorities])),
    )
