"""Does the gate let a clean day in and keep a poisoned one out? `python -m bench.gate [--seeds 10] [--json]`.

Three agencies of the simulated city file reports day by day. Outcomes come as late as `cad.outcomes.Delays` draws them:
of solved cases, and of those that were drawn for an audit. After some weeks a champion is made. Then one more day comes
in several kinds, each with a training of its own: as it is; with a share of one agency's labels of that day turned into
others; with a flood of one report that says it was grave. The clean one should pass, the others should not, and the
reason should name what was done.
"""

import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, takewhile
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from threadpoolctl import threadpool_limits

from bench.report import console, progress, table
from cad.city import Case
from cad.outcomes import Delays
from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from schemas.solved_case import AuditAnswer, Basis, Offence, SolvedCase
from severity.artefact.keys import new_pair
from severity.levels import LevelTable
from trainer.audits.draw import drawn
from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import OUTCOMES, REPORTS, columns, outcome_row, report_row
from trainer.dataset.tables import mark
from trainer.training.job import Job, Result
from trainer.training.run import train

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
AGENCIES: Final = ("eastport", "northfield", "rivertown")
KEY: Final = b"bench"
FLIPPED: Final = 0.3
"""Share of one agency's labels of a day that are turned into others."""

FLOOD: Final = 0.25
"""Copies of one report, by the number of labels that come on the day."""

OFFENCES: Final = ("90Z", "13B", "210", "220", "09A")
"""NIBRS codes, one of each level, from 1 to 5."""

NAMED: Final = {"flipped": "poisoned-labels", "flood": "flood"}
"""What a verdict on a poisoned day has to say."""


class Day(NamedTuple):
    """What comes on one day: reports that are filed, outcomes that become known."""

    reports: Sequence[CrimeReport]
    outcomes: Sequence[SolvedCase]


@dataclass(frozen=True, slots=True)
class Trial:
    """One training. `named`: whether the verdict says what was done to the day, and to whom."""

    seed: int
    kind: str
    labels: int
    new_labels: int
    promoted: bool
    named: bool
    verdict: str

    @property
    def right(self) -> bool:
        """Whether the gate did what it is for."""
        return self.promoted if self.kind == "clean" else self.named and not self.promoted


def city(seed: int, days: int, per_day: float, audit: float) -> list[Day]:
    """So many days of all agencies; per_day: reports of each. `audit`: chance with which one is drawn."""
    reports: defaultdict[int, list[CrimeReport]] = defaultdict(list)
    outcomes: defaultdict[int, list[SolvedCase]] = defaultdict(list)
    for place, agency in enumerate(AGENCIES):
        for case in _cases(seed * len(AGENCIES) + place, agency, days, per_day):
            reports[(case.report.reported_at - BEGIN).days].append(case.report)
            for outcome in _outcomes(case, audit):
                outcomes[(outcome.closed_at - BEGIN).days].append(outcome)
    return [Day(reports[day], outcomes[day]) for day in range(days)]


def flipped(day: Day, agency: str, seed: int) -> Day:
    """A share of the labels of an agency are of another level, drawn at random."""
    chance, levels = random.Random(seed), LevelTable.load()
    return day._replace(
        outcomes=[_flip(one, chance, levels) if one.agency_id == agency and chance.random() < FLIPPED else one
                  for one in day.outcomes]
    )  # fmt: skip


def flooded(day: Day) -> Day:
    """One report comes again and again under other numbers, each with an outcome that makes it grave."""
    one = day.reports[-1]
    again = [
        one.model_copy(update={"report_id": f"{one.report_id}-{copy}"})
        for copy in range(round(FLOOD * len(day.outcomes)))
    ]
    grave = [_outcome(report, "solved", (Offence(nibrs_code="09A"),), one.reported_at) for report in again]
    return Day([*day.reports, *again], [*day.outcomes, *grave])


def trials(seed: int, days: int, per_day: float, audit: float, root: Path) -> Iterator[Trial]:
    """The champion of `days` days, then one more day of each kind."""
    agency = AGENCIES[seed % len(AGENCIES)]
    *before, last = city(seed, days + 1, per_day, audit)
    kinds = {"clean": last, "flipped": flipped(last, agency, seed), "flood": flooded(last)}
    new_pair(root / "keys")
    told, known = (list(chain.from_iterable(each)) for each in zip(*before, strict=True))
    _fill(Dataset(root / "dataset"), Day(told, known))
    first = _train(root, 1, None)
    yield Trial(seed, "first", first.rows, first.rows, first.promoted, False, first.verdict)
    if not first.promoted or first.version is None:
        return
    for kind, day in kinds.items():
        copy = root / kind
        for folder in ("dataset", "releases", "keys"):
            shutil.copytree(root / folder, copy / folder)
        _fill(Dataset(copy / "dataset"), day)
        found = _train(copy, 2, first.version.digest)
        named = kind in NAMED and NAMED[kind] in found.verdict and (kind != "flipped" or agency in found.verdict)
        yield Trial(seed, kind, found.rows, len(day.outcomes), found.promoted, named, found.verdict)
        shutil.rmtree(copy)


def _cases(seed: int, agency: str, days: int, per_day: float) -> Iterator[Case]:
    end = BEGIN + timedelta(days=days)
    stream = SimulatedCity(seed, BEGIN, per_day=per_day, prefix=f"{agency}-")
    for case in takewhile(lambda case: case.report.reported_at < end, stream):
        if case.report.status == "Actual" and not case.outcome.unfounded:
            yield Case(case.report.model_copy(update={"agency_id": agency}), case.outcome)


def _outcomes(case: Case, audit: float) -> Iterator[SolvedCase]:
    report, delays = case.report, Delays()
    name = f"{report.agency_id}/{report.report_id}"
    if case.outcome.cleared:
        at = report.reported_at + delays.draw("solved", name)
        yield _outcome(report, "solved", case.outcome.offences, at)
    if drawn(KEY, report.agency_id, report.report_id, audit):
        answer = AuditAnswer(request_id=f"q-{report.report_id}", probability=audit)
        yield _outcome(
            report, "audited", case.outcome.offences, report.reported_at + delays.draw("audited", name), answer
        )


def _outcome(
    report: CrimeReport, basis: Basis, offences: Sequence[Offence], at: datetime, answer: AuditAnswer | None = None
) -> SolvedCase:
    return SolvedCase(
        agency_id=report.agency_id,
        report_id=report.report_id,
        case_status="CLOSED",
        basis=basis,
        closed_at=at.replace(microsecond=0),
        offences=tuple(offences),
        audit=answer,
    )


def _flip(one: SolvedCase, chance: random.Random, levels: LevelTable) -> SolvedCase:
    own = levels.level(one.offences, one.agency_id)
    other = chance.choice([code for level, code in enumerate(OFFENCES, start=1) if level != own])
    return one.model_copy(update={"offences": (Offence(nibrs_code=other),)})


def _fill(dataset: Dataset, day: Day) -> None:
    """Put what came into the tables, behind what is there, as intake would."""
    reports, outcomes = dataset["reports"], dataset["outcomes"]
    first, start = reports.count(), outcomes.count()
    filed = [report_row(("crime-reports", 0, first + place), one) for place, one in enumerate(day.reports)]
    known = [outcome_row(("solved-cases", 0, start + place), one) for place, one in enumerate(day.outcomes)]
    reports.append(columns(filed, REPORTS), {mark("crime-reports", 0): first + len(filed)})
    outcomes.append(columns(known, OUTCOMES), {mark("solved-cases", 0): start + len(known)})


def _train(root: Path, release: int, parent: str | None) -> Result:
    job = Job(
        dataset=root / "dataset",
        artefacts=root / "releases",
        signing_key=root / "keys" / "severity.private.pem",
        levels=None,
        model_name="severity",
        release=release,
        parent=parent,
        now=BEGIN + timedelta(days=365),
        expires_days=30,
    )
    return train(job, lambda stage, done: None)


def main(
    seeds: Annotated[int, typer.Option(help="Cities, each with a seed of its own.", min=1)] = 10,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
    days: Annotated[int, typer.Option(help="Days before the one that is judged.", min=1)] = 45,
    per_day: Annotated[float, typer.Option(help="Reports a day of each of the three agencies.", min=20)] = 400,
    audit: Annotated[float, typer.Option(help="Share of reports that a person grades.")] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Train on clean and on poisoned days and count what the gate lets through."""
    errors, found = console(), list[Trial]()
    with threadpool_limits(1), progress(errors) as bar:
        for seed in bar.track(range(first, first + seeds), description="cities"):
            with tempfile.TemporaryDirectory() as folder:
                for trial in trials(seed, days, per_day, audit, Path(folder)):
                    found.append(trial)
                    if not (trial.right or (trial.kind == "first" and trial.promoted)):
                        errors.print(f"seed {seed}, {trial.kind}: {trial.verdict}", markup=False)
    kinds = [kind for kind in ("first", "clean", *NAMED) if any(one.kind == kind for one in found)]
    of: Mapping[str, list[Trial]] = {kind: [one for one in found if one.kind == kind] for kind in kinds}
    errors.print(
        table(
            f"{seeds} cities, {days} days before, {per_day:g} reports a day of each of {len(AGENCIES)} agencies",
            ("day", "trainings", "promoted", "reason named", "labels", "new ones"),
            [
                (
                    kind,
                    str(len(some)),
                    str(sum(one.promoted for one in some)),
                    str(sum(one.named for one in some)) if kind in NAMED else "",
                    f"{sum(one.labels for one in some) / len(some):,.0f}",
                    f"{sum(one.new_labels for one in some) / len(some):,.0f}",
                )
                for kind, some in of.items()
            ],
        )
    )
    if as_json:
        typer.echo(json.dumps({"days": days, "per_day": per_day, "audit": audit, "trials": [asdict(t) for t in found]}))


if __name__ == "__main__":
    typer.run(main)
