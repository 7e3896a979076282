"""What a model is fitted to: which reports of a training set, and what was known of them then.

Models are compared by twins: each is made anew by the same recipe from what its original was taught, as far as it was
filed before one cut, so that the reports after the cut are new to all of them. The originals themselves cannot be
compared so: the champion may have learned the very reports that a candidate is judged on. What the champion had been
taught follows from its intake marks: the labels as they were then, without those that came or changed since. So where
only data differ, as on most days, the twins differ by the labels that came since about earlier reports, and by nothing
else; where the recipe differs, all twins have the present one, and what it is worth must be shown before it is
installed (`severity evaluate`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from severity.model import Progress, SeverityModel
from severity.told import Told
from trainer.training.training_set import Labels, TrainingSet
from trainer.training.weights import chances, fitting

A_DAY: Final = np.timedelta64(1, "D")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Places in a training set, and of the reports there: level, when it was known, and with which chance."""

    rows: Ints
    levels: Ints
    known_at: npt.NDArray[np.datetime64]
    chance: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def before(self, cut: int) -> "Lesson":
        """The part of it about reports filed before row `cut`."""
        return self.pick(self.rows < cut)

    def pick(self, which: npt.NDArray[np.bool_]) -> "Lesson":
        """Those of its rows."""
        return Lesson(self.rows[which], self.levels[which], self.known_at[which], self.chance[which])

    def same(self, other: "Lesson") -> bool:
        """Whether a model fitted to the other would be the same one."""
        mine, theirs = ((x.rows, x.levels, x.known_at, x.chance) for x in (self, other))
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def present(labelled: TrainingSet) -> Lesson:
    """All that is known now."""
    return Lesson(
        np.arange(len(labelled)),
        labelled.levels,
        labelled.known_at,
        chances(labelled.audit_probability, labelled.by_case),
    )


def earlier(labelled: TrainingSet, then: Labels) -> Lesson:
    """What was known `then` of the reports of a training set; labels withdrawn since are left out."""
    told, now = _keys(then), _keys(labelled)
    order = np.argsort(told)
    at = np.minimum(np.searchsorted(told, now, sorter=order), len(told) - 1) if len(told) else np.zeros(0, np.int64)
    rows = np.flatnonzero(told[order[at]] == now) if len(told) else np.zeros(0, np.int64)
    where = order[at[rows]]
    chance = chances(then.audit_probability[where], then.by_case[where])
    return Lesson(rows, then.levels[where], then.known_at[where], chance)


def changed(now: Lesson, then: Lesson) -> npt.NDArray[np.bool_]:
    """Which reports of the present lesson, (n,), had no label then, or another."""
    level = np.zeros(len(now), dtype=np.int64)
    level[then.rows] = then.levels
    return np.asarray(level != now.levels)


def fit(
    labelled: TrainingSet, told: Told, lesson: Lesson, half_life: float | None, progress: Progress | None = None
) -> SeverityModel:
    """A model fitted to a lesson. told: of all reports of `labelled`. half_life: in days, of a report's weight."""
    filed = labelled.reported_at[lesson.rows]
    age = (filed.max() - filed) / A_DAY
    every = len(lesson) == len(told)
    return SeverityModel().fit(
        told if every else told.pick(lesson.rows),
        lesson.levels,
        known_at=lesson.known_at.tolist(),
        sample_weight=fitting(lesson.chance, age, half_life),
        progress=progress,
    )


def _keys(labels: Labels) -> npt.NDArray[np.uint64]:
    """A number for each report's identity; that two of a million share one has a chance of 1 in 30 million."""
    agency, report = (pd.util.hash_array(each) for each in (labels.agency, labels.report_id))
    return np.asarray(agency * np.uint64(0x9E3779B97F4A7C15) ^ report)
