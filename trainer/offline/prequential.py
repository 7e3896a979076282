"""Day by day: each day's reports are scored by the model of the day before, then their outcomes may teach the next one.

Prequential evaluation (Dawid 1984). A frozen model, fitted once after the first days, stands beside one that is
retrained daily; both learn from the same regime of outcomes, since retraining is only worth what its labels are.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from schemas.crime_report import CrimeReport
from trainer.audit import drawn
from trainer.offline.baselines import Floats, Model
from trainer.offline.holdout import Decisions, Labelled, decisions, most_likely
from trainer.weights import weights

FIRST_DAYS: Final = 14
"""Days of reports before the first one is scored."""

LEAST_OUTCOMES: Final = 100
"""Outcomes that the first fit waits for; until then the rules answer, as they do in a scorer without a model."""

Instants = npt.NDArray[np.datetime64]
"""Local times by the agency's own clock, in seconds; NaT is never."""

Days = npt.NDArray[np.datetime64]
"""Calendar days by the same clock."""

Basis = Literal["solved", "classified", "audited"]


class Delays(Protocol):
    """Draws how long an outcome takes, always the same for the same report; `cad.outcomes.Delays` does."""

    def draw(self, basis: Basis, report: str) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Regime:
    """Which outcomes ever become known: of all cases, or of the solved ones and a random share `audit` of the rest."""

    solved_only: bool
    audit: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Regime":
        """From `all`, `solved` or `solved+audit:<share>`. `ValueError` for anything else."""
        if text == "all":
            return cls(solved_only=False)
        if text == "solved":
            return cls(solved_only=True)
        kind, _, share = text.partition("+audit:")
        try:
            audit = float(share)
        except ValueError:
            audit = 0.0
        if kind == "solved" and 0 < audit <= 1:
            return cls(solved_only=True, audit=audit)
        raise ValueError(f"outcomes are 'all', 'solved' or 'solved+audit:<share above 0, up to 1>', not {text!r}")


class Known(NamedTuple):
    """When each report's outcome is known by the case's own course, and when by an audit."""

    by_case: Instants
    by_audit: Instants

    def before(self, day: np.datetime64) -> tuple[npt.NDArray[np.bool_], Instants, Floats]:
        """Which outcomes are known before `day`; of these since when, and the weights.

        An audited report stays one when its case is solved later, as in the trainer's dataset: the audited ones
        together are a random sample of all reports.
        """
        by_case, by_audit = self.by_case < day, self.by_audit < day
        known = by_case | by_audit
        basis = np.where(by_audit, "audited", "solved")
        return known, np.fmin(self.by_case, self.by_audit)[known], weights(basis[known])


@dataclass(frozen=True, slots=True)
class Day:
    """One day's reports, rows `start` to `end`, and the (n, 5) probabilities that both models gave them.

    `outcomes`: how many were known the day before. `fit_seconds`: None while they are too few and the rules answer.
    """

    day: np.datetime64
    start: int
    end: int
    outcomes: int
    fit_seconds: float | None
    frozen: Floats
    retrained: Floats


class Task(NamedTuple):
    """What a fit and the scoring of the next day need, so that days can be done by several processes."""

    make: Callable[[], Model]
    past: Labelled
    known_at: list[datetime]
    weights: Floats
    reports: Sequence[CrimeReport]

    def run(self) -> "Scored":
        """Fit to the past, score the reports."""
        begun = perf_counter()
        model = self.fit()
        return Scored(model.predict_proba(self.reports), perf_counter() - begun)

    def fit(self) -> Model:
        """The model of the day before."""
        return self.make().fit(self.past.reports, self.past.levels, known_at=self.known_at, sample_weight=self.weights)


class Scored(NamedTuple):
    """Probabilities (n, 5), and how long fit and scoring took."""

    probabilities: Floats
    seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """Figures over all scored reports of all days. `known_outcomes`: how many were known at the last fit."""

    days: int
    days_by_rules: int
    reports: int
    known_outcomes: int
    fit_seconds: float
    frozen: Decisions
    retrained: Decisions


def filing_days(reports: Sequence[CrimeReport]) -> Days:
    """Day of filing of each report, by the clock of its agency."""
    return np.array([report.reported_at.replace(tzinfo=None) for report in reports], dtype="datetime64[D]")


def become_known(
    reports: Sequence[CrimeReport],
    solved: npt.NDArray[np.bool_],
    regime: Regime,
    *,
    key: bytes,
    delays: Delays | None = None,
) -> Known:
    """When outcomes become known under `regime`; `key` draws the audit. Without `delays` on the day of filing."""

    by_case, by_audit = (np.full(len(reports), "NaT", dtype="datetime64[s]") for _ in range(2))
    for row, report in enumerate(reports):
        if solved[row] or not regime.solved_only:
            by_case[row] = _known_at(report, "solved" if solved[row] else "classified", delays)
        if drawn(key, report.agency_id, report.report_id, regime.audit):
            by_audit[row] = _known_at(report, "audited", delays)
    return Known(by_case, by_audit)


def scored_days(filed: Days) -> Days:
    """The days that are scored: those with reports after the first `FIRST_DAYS`. `ValueError` when there are none."""
    days: Days = np.unique(filed)
    days = days[days >= days[0] + FIRST_DAYS]
    if not len(days):
        raise ValueError(f"the reports span {FIRST_DAYS} days or fewer: there is no day to score after them")
    return days


def day_by_day(
    labelled: Labelled, filed: Days, known: Known, make: Callable[[], Model], rules: Model, workers: Executor
) -> Iterator[Day]:
    """Score one day after another; the days' fits are shared out among `workers`. `filed` is in order.

    `rules` answer until enough outcomes are known. With processes for workers `make` must be picklable.
    """
    days = scored_days(filed)
    starts, ends = np.searchsorted(filed, days), np.searchsorted(filed, days, side="right")
    tasks = [
        _task(labelled, known, day, make, labelled.reports[start:end])
        for day, start, end in zip(days, starts, ends, strict=True)
    ]
    by_rules = sum(len(task.past) < LEAST_OUTCOMES for task in tasks)
    retrained = workers.map(Task.run, tasks[by_rules:])
    frozen = tasks[by_rules].fit() if by_rules < len(tasks) else rules
    for at, task in enumerate(tasks):
        scored = next(retrained) if at >= by_rules else None
        yield Day(
            day=days[at],
            start=int(starts[at]),
            end=int(ends[at]),
            outcomes=len(task.past),
            fit_seconds=scored.seconds if scored else None,
            frozen=(frozen if scored else rules).predict_proba(task.reports),
            retrained=scored.probabilities if scored else rules.predict_proba(task.reports),
        )


def _task(
    labelled: Labelled, known: Known, day: np.datetime64, make: Callable[[], Model], reports: Sequence[CrimeReport]
) -> Task:
    learnable, since, weight = known.before(day)
    return Task(make, labelled.pick(learnable), since.tolist(), weight, reports)


def pooled(labelled: Labelled, days: Sequence[Day]) -> Course:
    """Figures over all of `days` together, the most likely level each."""
    levels = np.concatenate([labelled.levels[day.start : day.end] for day in days])
    return Course(
        days=len(days),
        days_by_rules=sum(day.fit_seconds is None for day in days),
        reports=len(levels),
        known_outcomes=days[-1].outcomes,
        fit_seconds=sum(day.fit_seconds or 0.0 for day in days),
        frozen=decisions(levels, most_likely(np.concatenate([day.frozen for day in days]))),
        retrained=decisions(levels, most_likely(np.concatenate([day.retrained for day in days]))),
    )


def _known_at(report: CrimeReport, basis: Basis, delays: Delays | None) -> datetime:
    after = delays.draw(basis, f"{report.agency_id}/{report.report_id}") if delays else timedelta(0)
    return (report.reported_at + after).replace(tzinfo=None)
