"""Promises of twins: each learns what its original had been taught, and what is equal is fitted once."""

from pathlib import Path

import numpy as np

from tests.trainer.events import CodeIsLevel, Outbox, outcome, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.training.lessons import Lesson, changed, earlier, present
from trainer.training.training_set import labels_at, training_set
from trainer.training.twins import LEAST_LESSON, fit_all


def lesson(rows: int, seed: int = 0) -> Lesson:
    levels = np.random.default_rng(seed).integers(1, 6, rows)
    return Lesson(np.arange(rows), levels, np.full(rows, np.datetime64("2026-01-01")), np.ones(rows))


def test_a_twin_is_taught_the_labels_of_its_time_and_not_those_that_came_or_changed_since(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    intake = Intake(dataset, Outbox(), AuditDraw(b"", 0), lambda: None)
    intake.take(records([report(n) for n in range(4)]) + records([outcome(0, 1), outcome(1, 2), outcome(3, 5)]))
    then = dict(dataset.marks())
    later = [outcome(1, 4, sequence=2), outcome(2, 3), outcome(3, sequence=2, basis="unfounded")]
    intake.take(records(later, first=3))
    labelled = training_set(dataset, CodeIsLevel())
    now, before = present(labelled), earlier(labelled, labels_at(dataset, CodeIsLevel(), then))
    assert now.levels.tolist() == [1, 4, 3]
    assert (before.rows.tolist(), before.levels.tolist()) == ([0, 1], [1, 2])
    assert changed(now, before).tolist() == [False, True, True]
    assert before.before(1).rows.tolist() == [0]


def test_equal_lessons_are_fitted_once_and_too_small_ones_not_at_all() -> None:
    fitted = []
    lessons = {"release": lesson(200), "challenger": lesson(100), "champion": lesson(100), "first": lesson(100, seed=1)}
    lessons["best"] = lesson(LEAST_LESSON - 1)

    def fit(one: Lesson) -> Lesson:
        fitted.append(one)
        return one

    for threads in (1, 2):
        fitted.clear()
        models = fit_all(lessons, fit, threads, lambda name, done: None)
        assert len(fitted) == 3
        assert models["challenger"] is models["champion"]
        assert models["first"] is not models["champion"]
        assert "best" not in models
