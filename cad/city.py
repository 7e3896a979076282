"""What a city gives to a replay: cases, and for a published file how one row becomes a case."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from schemas.crime_report import CrimeReport
from schemas.solved_case import CaseStatus, Offence
from severity.facts import INFORMATION, Information

Row = Mapping[str, str]


class RowError(ValueError):
    """A row that can't become a report: `reason` for counters, `detail` for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Levels(Protocol):
    """A table from final offence to severity level, such as `severity.levels.LevelTable`."""

    def level(self, offences: Sequence[Offence], agency_id: str) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case turned out to be, whether or not anyone will ever say so.

    `status`: N-DEx status in the records. `cleared`: solved, by arrest or exceptional means. `unfounded`: closed as
    no crime. `level`: by the level table, None where no table was given or it does not know the offences.
    """

    offences: tuple[Offence, ...]
    status: CaseStatus
    cleared: bool
    unfounded: bool = False
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A later revision of a report, filed `after` the first one."""

    after: timedelta
    report: CrimeReport


@dataclass(frozen=True, slots=True)
class Revision:
    """A later outcome that replaces the one before it, known `after` the report was filed."""

    after: timedelta
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Case:
    """A report as first filed, its corrections, and its outcome, which never reaches the report.

    `revisions`: what the records office made of the outcome later, in order.
    """

    report: CrimeReport
    outcome: Outcome
    corrections: tuple[Correction, ...] = ()
    revisions: tuple[Revision, ...] = ()

    @property
    def final(self) -> Outcome:
        """The outcome that holds in the end."""
        return self.revisions[-1].outcome if self.revisions else self.outcome


class Filed(NamedTuple):
    """Where a report stands in the order of filing."""

    day: date
    number: int


Record = Sequence[str] | RowError
"""The fields of a row, or why there are none."""


class Records(NamedTuple):
    """A published file as it is gone through: names of the columns, then line number and fields of each row."""

    header: Sequence[str]
    rows: Iterator[tuple[int, Record]]


def no_revisions(row: Row) -> tuple[Revision, ...]:
    """Of a city whose file tells one outcome a case."""
    return ()


@dataclass(frozen=True, slots=True)
class City:
    """How to read a city's published file. Another city is one more of these.

    `report_columns` are the only columns that `filed` and `report` are given: `read_filings` takes every other one
    away before it calls them, so that no final code, status or victim attribute can reach a report. `outcome` and
    `revisions` are given `outcome_columns` alone. All four raise `RowError`. `records` opens a file that is no CSV, or
    that says less than a report a row; `cad.filings.CityFileError` when it can't. `tells`: what the reports tell, the
    information sets that differ on this file (`severity.facts`).
    """

    name: str
    report_columns: tuple[str, ...]
    outcome_columns: tuple[str, ...]
    filed: Callable[[Row], Filed]
    report: Callable[[Row], CrimeReport]
    outcome: Callable[[Row], Outcome]
    note: str
    revisions: Callable[[Row], tuple[Revision, ...]] = no_revisions
    records: Callable[[Path], AbstractContextManager[Records]] | None = None
    tells: tuple[Information, ...] = INFORMATION

    def report_of(self, row: Row) -> CrimeReport:
        """The report in a whole row of the file, seen through `report_columns` alone."""
        return self.report({name: row[name] for name in self.report_columns})
