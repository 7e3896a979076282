"""What drift is found, how soon, and how often it is cried for nothing: `python -m bench.drift [--stlouis FILE]`.

The simulated city runs for a year without a shift, then for one with a shift planted in its middle: another mix of
calls, and handguns that are mostly replicas. Scores and errors are those of a model fitted to the first four weeks;
labels are solved cases and audits, weeks late. Once the reference stays where that model learned, once it moves on day
by day as it does while the trainer refits daily. St. Louis' twelve years are real: a model of 2008 and 2009 is kept,
and the years that follow are compared with these two, month by month, since its file knows no days.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import groupby, takewhile
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from cad.cities import cities
from cad.city import Case
from cad.outcomes import Delays
from cad.simulated import SimulatedCity
from cli.evaluate.contest import read
from schemas.crime_report import CrimeReport
from severity.levels import LevelTable
from severity.model import SeverityModel
from trainer.audits.draw import drawn
from trainer.drift.drift import Alarm, Drift, Spans
from trainer.drift.feed import SCORE_STEP, inputs

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAYS: Final = 365
SHIFT_DAY: Final = 182
LEARNED_DAYS: Final = 28
AUDIT: Final = 0.05
MONTHS: Final = Spans(current=1, reference=24, reference_least=12)
LEARNED_MONTHS: Final = 24
WIDE: Final = 150


class Label(NamedTuple):
    """What came to be known of a report: `due` is the day on which."""

    due: date
    basis: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A report with its score, the level that it turned out to have, and when that is told, if ever."""

    day: date
    report: CrimeReport
    score: float
    decided: int
    level: int
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """One run. `false`: alarms before the shift, or all where there is none; `delay`: periods from it to an alarm."""

    what: str
    reference: str
    reports: int
    periods: int
    false: int
    delay: int | None
    alarms: list[str]


def simulated(seed: int, per_day: float, shift: int | None) -> list[Scored]:
    """A year of real calls, whose mix shifts after day `shift`, scored by a model of the first four weeks."""
    after = None if shift is None else round(shift * per_day)
    city = SimulatedCity(seed, START, per_day=per_day, drift_after=after, levels=LevelTable.load())
    end = START + timedelta(days=DAYS)
    year = takewhile(lambda case: case.report.reported_at < end, city)
    cases = [case for case in year if case.report.status == "Actual" and case.outcome.level is not None]
    learned = START + timedelta(days=LEARNED_DAYS)
    old = [case for case in cases if case.report.reported_at < learned]
    levels = np.array([case.outcome.level for case in cases], dtype=np.int64)
    model = SeverityModel().fit([case.report for case in old], levels[: len(old)])
    days = [case.report.reported_at.date() for case in cases]
    return scored(model, [case.report for case in cases], levels.tolist(), days, [_labels(case) for case in cases])


def stlouis(file: Path) -> tuple[str, list[Scored]]:
    """Twelve years by month, scored by a model of the first two; the first of a month stands for it."""
    material = read(cities()["stlouis"], file)
    reports, levels = list(material.labelled.reports), material.labelled.levels
    days = [report.reported_at.date().replace(day=1) for report in reports]
    learned = sorted(set(days))[LEARNED_MONTHS]
    old = sum(day < learned for day in days)
    model = SeverityModel("call").fit(reports[:old], levels[:old])
    return material.source, scored(model, reports, levels.tolist(), days, [(Label(day, "classified"),) for day in days])


def scored(
    model: SeverityModel,
    reports: list[CrimeReport],
    levels: list[int],
    days: list[date],
    labels: list[tuple[Label, ...]],
) -> list[Scored]:
    """What the model says of each report."""
    parts = [model.predict_proba(reports[start : start + 20_000]) for start in range(0, len(reports), 20_000)]
    probabilities = np.concatenate(parts)
    scores, decided = probabilities @ np.arange(0, 101, 25), probabilities.argmax(axis=1) + 1
    rows = zip(days, reports, scores.tolist(), decided.tolist(), levels, labels, strict=True)
    return [Scored(*row) for row in rows]


def play(stream: Sequence[Scored], drift: Drift, learned: date, *, moving: bool) -> Iterator[Alarm]:
    """Feed a stream and judge each day as the next one begins; `moving`: the model learns of each day at its end.

    Labels of reports up to the day `learned` are left out: the model was fitted to them.
    """
    due: defaultdict[date, list[tuple[Scored, str]]] = defaultdict(list)
    for one in stream:
        for label in one.labels if one.day > learned else ():
            due[label.due].append((one, label.basis))
    for day, today in groupby(stream, lambda one: one.day):
        yield from drift.close(day)
        if moving:
            drift.learned_until(day)
        for one in today:
            drift.took(day, {**inputs(one.report), "score": (str(int(one.score // SCORE_STEP)),)})
        for one, basis in due.pop(day, ()):
            drift.judged(day, basis, one.level, one.decided != one.level, _order(one.report.report_id))
    yield from drift.close(date.max)


def course(
    what: str, stream: Sequence[Scored], spans: Spans, learned: int, shift: int | None, *, moving: bool
) -> Course:
    """`learned`: periods that the model learned from; `shift`: periods after which the world is another one."""
    days = sorted({one.day for one in stream})
    drift = Drift(spans)
    drift.learned_until(days[learned - 1])
    alarms = [(days.index(alarm.day), alarm) for alarm in play(stream, drift, days[learned - 1], moving=moving)]
    true = [at for at, _ in alarms if shift is not None and at >= shift]
    return Course(
        what=what,
        reference="moves on daily" if moving else "stays",
        reports=len(stream),
        periods=len(days),
        false=len(alarms) - len(true),
        delay=true[0] - (shift or 0) + 1 if true else None,
        alarms=[f"{alarm.day}: {', '.join(alarm.told)}" for _, alarm in alarms],
    )


def _labels(case: Case) -> tuple[Label, ...]:
    """When a case's outcomes come, and on which basis: of solved cases and of those drawn for an audit."""
    report, found = case.report, []
    if case.outcome.cleared:
        late = Delays().draw("solved", f"{report.agency_id}/{report.report_id}")
        found.append(Label((report.reported_at + late).date(), "solved"))
    if drawn(b"bench", report.agency_id, report.report_id, AUDIT):
        late = Delays().draw("audited", f"{report.agency_id}/{report.report_id}")
        found.append(Label((report.reported_at + late).date(), "audited"))
    return tuple(found)


def _order(report: str) -> int:
    return int.from_bytes(blake2b(report.encode(), digest_size=8).digest())


def table(courses: list[Course]) -> Table:
    """The runs for people."""
    view = Table(title="Alarms of drift; delay in days, of St. Louis in months")
    for column in ("run", "reference", "alarms"):
        view.add_column(column)
    for column in ("reports", "periods", "false alarms", "delay"):
        view.add_column(column, justify="right")
    for one in courses:
        view.add_row(
            one.what,
            one.reference,
            "\n".join(one.alarms),
            f"{one.reports:,}",
            str(one.periods),
            str(one.false),
            "-" if one.delay is None else str(one.delay),
        )
    return view


def main(
    per_day: Annotated[float, typer.Option(help="Reports of a day in the simulated city.", min=20)] = 300,
    years: Annotated[int, typer.Option(help="Quiet years and years with a shift, each with a seed of its own.")] = 3,
    file: Annotated[
        Path | None, typer.Option("--stlouis", help="St. Louis' file 2008-2019.", exists=True, dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Play quiet years, years with a planted shift, and St. Louis, and print the alarms."""
    errors = Console(stderr=True, width=None if sys.stderr.isatty() else WIDE)
    courses = []
    with threadpool_limits(1):
        for seed in range(1, years + 1):
            for what, shift in (("quiet year", None), ("planted shift", SHIFT_DAY)):
                with errors.status(f"{what}, seed {seed}"):
                    stream = simulated(seed, per_day, shift)
                    courses += [
                        course(f"{what}, seed {seed}", stream, Spans(), LEARNED_DAYS, shift, moving=moving)
                        for moving in (False, True)
                    ]
        if file:
            with errors.status("St. Louis"):
                source, stream = stlouis(file)
                courses.append(course(source, stream, MONTHS, LEARNED_MONTHS, LEARNED_MONTHS, moving=False))
    errors.print(table(courses))
    if as_json:
        typer.echo(json.dumps({"per_day": per_day, "courses": [asdict(one) for one in courses]}))


if __name__ == "__main__":
    typer.run(main)
