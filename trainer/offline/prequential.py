"""Day by day or year by year: each period's reports are scored by the model of the day before it, then may teach.

Prequential evaluation (Dawid 1984). A frozen model, fitted once after the first periods, stands beside those that are
retrained before each; all learn from the same regime of outcomes, since retraining is only worth what its labels are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final, Literal, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from schemas.crime_report import CrimeReport
from trainer.audits.draw import drawn
from trainer.offline.baselines import Floats, Model
from trainer.offline.holdout import Decisions, Labelled, decisions, most_likely
from trainer.training.weights import chances, fitting

LEAST_OUTCOMES: Final = 100
"""Outcomes that the first fit waits for; until then the rules answer, as they do in a scorer without a model."""

FROZEN: Final = "frozen"

Instants = npt.NDArray[np.datetime64]
"""Local times by the agency's own clock, in seconds; NaT is never."""

Days = npt.NDArray[np.datetime64]
"""Calendar days by the same clock."""

Basis = Literal["solved", "classified", "audited"]


class Rhythm(NamedTuple):
    """How long a period is (numpy's unit of it), and how many there are before the first one that is scored."""

    unit: Literal["D", "Y"]
    first: int

    def periods(self, filed: Days) -> Days:
        """The period of each day."""
        return cast(Days, filed.astype(f"datetime64[{self.unit}]"))

    def scored(self, filed: Days) -> Days:
        """The periods with reports that are scored. `ValueError` when there are none."""
        periods: Days = np.unique(self.periods(filed))
        scored: Days = periods[periods >= periods[0] + self.first]
        if not len(scored):
            raise ValueError(f"the reports span {self.first} periods or fewer: there is none to score after them")
        return scored


DAILY: Final = Rhythm("D", 14)
YEARLY: Final = Rhythm("Y", 2)
FIRST_DAYS: Final = DAILY.first


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
    """When each report's outcome is known by the case's own course, and when by an audit, drawn with chance `audit`."""

    by_case: Instants
    by_audit: Instants
    audit: float

    def before(self, day: np.datetime64, filed: Days, half_life: float | None) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Which outcomes are known before `day`, and their weights in a fit; half_life: `trainer.training.weights`."""
        by_case, by_audit = self.by_case < day, self.by_audit < day
        known = by_case | by_audit
        chance = chances(np.where(by_audit, self.audit, np.nan)[known], by_case[known])
        age = (day.astype("datetime64[D]") - filed[known]).astype(np.float64)
        return known, fitting(chance, age, half_life)

    @property
    def since(self) -> Instants:
        """When each outcome is known by either."""
        return np.fmin(self.by_case, self.by_audit)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One period's reports, rows `start` to `end`, and the (n, 5) probabilities that each model gave them.

    `outcomes`: how many were known the day before. `fit_seconds`: None while they are too few and the rules answer.
    """

    period: np.datetime64
    start: int
    end: int
    outcomes: int
    fit_seconds: float | None
    probabilities: Mapping[str, Floats]


class Task(NamedTuple):
    """What a fit and the scoring of the next period need, so that periods can be done by several processes."""

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
    """Figures by model over all scored reports. `known_outcomes`: how many were known at the last fit.

    `by_period`: accuracy of each model in each period.
    """

    periods: int
    periods_by_rules: int
    reports: int
    known_outcomes: int
    fit_seconds: float
    models: Mapping[str, Decisions]
    by_period: Mapping[str, Mapping[str, float]]

    def __str__(self) -> str:
        return ", ".join(f"{name} {one.accuracy:.3f} / {one.macro_f1:.3f}" for name, one in self.models.items())


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
    return Known(by_case, by_audit, regime.audit)


@dataclass(frozen=True, slots=True)
class Contest:
    """Reports in order of filing, when their outcomes become known, and who competes on them.

    filed: day of filing of each. make: the model; with processes for workers it must be picklable. rules: answer until
    enough outcomes are known. half_lives: of each retrained model by name, in days, None where all labels count alike.
    """

    labelled: Labelled
    filed: Days
    known: Known
    make: Callable[[], Model]
    rules: Model
    rhythm: Rhythm
    half_lives: Mapping[str, float | None]

    def stretches(self, workers: Executor) -> Iterator[Stretch]:
        """Score one period after another; the fits are shared out among `workers`."""
        periods = self.rhythm.scored(self.filed)
        days = periods.astype("datetime64[D]")
        starts = np.searchsorted(self.filed, days)
        ends = np.searchsorted(self.filed, (periods + 1).astype("datetime64[D]"))
        tasks = [
            [self._task(day, start, end, half_life) for half_life in self.half_lives.values()]
            for day, start, end in zip(days, starts, ends, strict=True)
        ]
        ready = [len(of_period[0].past) >= LEAST_OUTCOMES for of_period in tasks]
        retrained = workers.map(Task.run, [task for of_period in tasks[ready.count(False) :] for task in of_period])
        frozen = tasks[ready.index(True)][0].fit() if any(ready) else self.rules
        for at, of_period in enumerate(tasks):
            reports = of_period[0].reports
            scored = [next(retrained) for _ in of_period] if ready[at] else []
            given = [one.probabilities for one in scored] or [self.rules.predict_proba(reports)] * len(of_period)
            yield Stretch(
                period=periods[at],
                start=int(starts[at]),
                end=int(ends[at]),
                outcomes=len(of_period[0].past),
                fit_seconds=sum(one.seconds for one in scored) if scored else None,
                probabilities={
                    FROZEN: (frozen if ready[at] else self.rules).predict_proba(reports),
                    **dict(zip(self.half_lives, given, strict=True)),
                },
            )

    def _task(self, day: np.datetime64, start: int, end: int, half_life: float | None) -> Task:
        learnable, weight = self.known.before(day, self.filed, half_life)
        since = self.known.since[learnable].tolist()
        return Task(self.make, self.labelled.pick(learnable), since, weight, self.labelled.reports[start:end])


def pooled(labelled: Labelled, stretches: Sequence[Stretch]) -> Course:
    """Figures over all of `stretches` together, the most likely level each."""
    levels = np.concatenate([labelled.levels[part.start : part.end] for part in stretches])
    names = stretches[0].probabilities
    given = {name: [most_likely(part.probabilities[name]) for part in stretches] for name in names}
    return Course(
        periods=len(stretches),
        periods_by_rules=sum(part.fit_seconds is None for part in stretches),
        reports=len(levels),
        known_outcomes=stretches[-1].outcomes,
        fit_seconds=sum(part.fit_seconds or 0.0 for part in stretches),
        models={name: decisions(levels, np.concatenate(decided)) for name, decided in given.items()},
        by_period={
            str(part.period): {
                name: float(np.mean(labelled.levels[part.start : part.end] == decided[at]))
                for name, decided in given.items()
            }
            for at, part in enumerate(stretches)
        },
    )


def _known_at(report: CrimeReport, basis: Basis, delays: Delays | None) -> datetime:
    after = delays.draw(basis, f"{report.agency_id}/{report.report_id}") if delays else timedelta(0)
    return (report.reported_at + after).replace(tzinfo=None)
