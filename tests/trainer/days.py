"""Three cities that do not exist, day after day: their reports, what became known of them, and trainings on it."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cad.city import Case
from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from schemas.solved_case import AuditAnswer, Offence, SolvedCase
from severity.artefact.keys import new_pair
from severity.levels import LevelTable
from tests.trainer.events import Outbox, records
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.training.job import Job, Result
from trainer.training.run import train

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AGENCIES = ("eastport", "northfield", "rivertown")
AUDIT = 0.5

OFFENCES = ("90Z", "13B", "210", "220", "09A")
"""One of each level from 1 to 5, for labels that are turned upside down."""

Tamper = Callable[[list[CrimeReport], list[SolvedCase]], tuple[list[CrimeReport], list[SolvedCase]]]


class Days:
    """A dataset that grows by a day of `a_day` reports of each agency at a time, and the trainings on it.

    Solved cases are told, of the others a half is drawn and graded. Everything is known on the day itself.
    """

    def __init__(self, root: Path, seed: int, a_day: int) -> None:
        self.root = root
        self._dataset = Dataset(root / "dataset")
        self._intake = Intake(self._dataset, Outbox(), AuditDraw(b"", 0), lambda: BEGIN)
        self._offsets = {CrimeReport: 0, SolvedCase: 0}
        self._chance = random.Random(seed)
        self._cases = [_of(agency, seed + place, a_day) for place, agency in enumerate(AGENCIES)]
        self._key, _ = new_pair(root / "keys")
        self.release = 0
        self.champion: str | None = None
        self.day = BEGIN

    def pass_by(self, days: int, tamper: Tamper | None = None) -> None:
        """Let days pass; what came on them is put into the dataset, after `tamper` had a look at it."""
        self.day += timedelta(days=days)
        cases = [case for of in self._cases for case in _until(of, self.day)]
        reports = [case.report for case in cases]
        outcomes = [one for case in cases if (one := self._outcome(case))]
        if tamper is not None:
            reports, outcomes = tamper(reports, outcomes)
        for events in (reports, outcomes):
            kind = type(events[0])
            self._intake.take(records(events, first=self._offsets[kind]))
            self._offsets[kind] += len(events)

    def train(self) -> Result:
        """A training on all there is; what is promoted is the champion of the next one."""
        self.release += 1
        result = train(
            Job(
                dataset=self.root / "dataset",
                artefacts=self.root / "releases",
                signing_key=self._key,
                levels=None,
                model_name="severity",
                release=self.release,
                parent=self.champion,
                now=self.day,
                expires_days=30,
            ),
            lambda stage, done: None,
        )
        if result.promoted and result.version:
            self.champion = result.version.digest
        return result

    def _outcome(self, case: Case) -> SolvedCase | None:
        audited = self._chance.random() < AUDIT
        if not (case.outcome.cleared or audited):
            return None
        answer = AuditAnswer(request_id=f"q-{case.report.report_id}", probability=AUDIT) if audited else None
        return outcome(case.report, case.outcome.offences, answer)


def outcome(report: CrimeReport, offences: Sequence[Offence], answer: AuditAnswer | None = None) -> SolvedCase:
    """What became of a report, known at once."""
    return SolvedCase(
        agency_id=report.agency_id,
        report_id=report.report_id,
        case_status="CLOSED",
        basis="audited" if answer else "solved",
        closed_at=report.reported_at + timedelta(minutes=5),
        offences=tuple(offences),
        audit=answer,
    )


def flipped(agency: str, share: float, seed: int = 0) -> Tamper:
    """A share of one agency's outcomes have another level, drawn at random."""
    chance, levels = random.Random(seed), LevelTable.load()

    def tamper(reports: list[CrimeReport], outcomes: list[SolvedCase]) -> tuple[list[CrimeReport], list[SolvedCase]]:
        return reports, [_flip(one, chance, levels) if one.agency_id == agency and chance.random() < share else one
                         for one in outcomes]  # fmt: skip

    return tamper


def flooded(copies: int) -> Tamper:
    """One report comes again and again under other numbers, each with an outcome that makes it grave."""

    def tamper(reports: list[CrimeReport], outcomes: list[SolvedCase]) -> tuple[list[CrimeReport], list[SolvedCase]]:
        one = reports[-1]
        again = [one.model_copy(update={"report_id": f"{one.report_id}-{copy}"}) for copy in range(copies)]
        return reports + again, outcomes + [outcome(report, (Offence(nibrs_code="09A"),)) for report in again]

    return tamper


def _flip(one: SolvedCase, chance: random.Random, levels: LevelTable) -> SolvedCase:
    own = levels.level(one.offences, one.agency_id)
    other = chance.choice([code for level, code in enumerate(OFFENCES, start=1) if level != own])
    return one.model_copy(update={"offences": (Offence(nibrs_code=other),)})


def _of(agency: str, seed: int, a_day: int) -> Iterator[Case]:
    city = SimulatedCity(seed, BEGIN, per_day=a_day, prefix=f"{agency}-")
    for case in city:
        if case.report.status == "Actual" and not case.outcome.unfounded:
            yield Case(case.report.model_copy(update={"agency_id": agency}), case.outcome)


def _until(cases: Iterator[Case], end: datetime) -> Iterator[Case]:
    """The first of the next day is lost with the look at it."""
    for case in cases:
        if case.report.reported_at >= end:
            return
        yield case
