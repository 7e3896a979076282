"""Day by day or year by year: each period's reports are scored by the model of the day before it, then may teach.

Prequential evaluation (Dawid 1984). The most frequent level, the rules alone, a frozen model that was fitted once after
the first periods, and the champion, which is a period older than it need be, stand beside those that are retrained
before each; all learn from the same regime of outcomes, since retraining is only worth what its labels are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Final, Literal, NamedTuple, cast

import numpy as np

from schemas.crime_report import CrimeReport
from trainer.judging.evaluation import MAJORITY, RULES
from trainer.offline.baselines import Floats, Majority, Model
from trainer.offline.holdout import Decisions, Labelled, decisions, most_likely
from trainer.offline.outcomes import Days, Known

LEAST_OUTCOMES: Final = 100
"""Outcomes that the first fit waits for; until then the rules answer, as they do in a scorer without a model."""

FROZEN: Final = "frozen"
CHAMPION: Final = "champion"
"""The first of the retrained models as it was a period before: what scores on when the gate refuses the newest."""


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
    """What a fit and the scoring after it need, so that periods can be done by several processes.

    reports: those of the period, and after them those of the next one.
    """

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

    def majority(self) -> Model:
        """The shares of the levels so far; equal ones while there are none."""
        plain = Majority()
        return plain.fit((), self.past.levels, sample_weight=self.weights) if len(self.past) else plain


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
            for day, start, end in zip(days, starts, [*ends[1:], ends[-1]], strict=True)
        ]
        ready = [len(of_period[0].past) >= LEAST_OUTCOMES for of_period in tasks]
        retrained = workers.map(Task.run, [task for of_period in tasks[ready.count(False) :] for task in of_period])
        frozen = tasks[ready.index(True)][0].fit() if any(ready) else self.rules
        older: Floats | None = None
        for at, of_period in enumerate(tasks):
            n = ends[at] - starts[at]
            reports = of_period[0].reports[:n]
            by_rules = self.rules.predict_proba(reports)
            scored = [next(retrained) for _ in of_period] if ready[at] else []
            given = [one.probabilities[:n] for one in scored] or [by_rules] * len(of_period)
            yield Stretch(
                period=periods[at],
                start=int(starts[at]),
                end=int(ends[at]),
                outcomes=len(of_period[0].past),
                fit_seconds=sum(one.seconds for one in scored) if scored else None,
                probabilities={
                    MAJORITY: of_period[0].majority().predict_proba(reports),
                    RULES: by_rules,
                    FROZEN: frozen.predict_proba(reports) if ready[at] else by_rules,
                    CHAMPION: given[0] if older is None else older,
                    **dict(zip(self.half_lives, given, strict=True)),
                },
            )
            older = scored[0].probabilities[n:] if scored else None

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
