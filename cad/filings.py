"""A city's published CSV file, plain or gzipped, as cases in order of filing; what can't be read is counted and named.

A file of a million rows is kept as its needed columns alone, and cases are made while they are asked for.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from pydantic import ValidationError

from cad.city import Case, City, Filed, Levels, Outcome, Record, Records, RowError

NAMED: Final = 100
"""How many rows are named in an account; all are counted."""

GZIP_MAGIC: Final = b"\x1f\x8b"
UNDECODABLE: Final = "\ufffd"


class CityFileError(ValueError):
    """A file that is not the city's: nothing in it can be read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that gave no report, or a report whose outcome has no level (`no-level`). `line`: where it ends."""

    line: int
    report_id: str
    reason: str
    detail: str


@dataclass(slots=True)
class Account:
    """What became of a file's rows: `rows == reports + skipped.total()`.

    `unlabelled` counts the reports whose outcome has no level in the table. `problems` names the first `NAMED` rows.
    """

    rows: int = 0
    reports: int = 0
    unlabelled: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def skip(self, line: int, report_id: str, reason: str, detail: str) -> None:
        """Count and name a row that gives no report."""
        self.skipped[reason] += 1
        self.name(Problem(line, report_id, reason, detail))

    def name(self, problem: Problem) -> None:
        """Name a row, while there is room."""
        if len(self.problems) < NAMED:
            self.problems.append(problem)

    def by_reason(self) -> dict[str, int]:
        """Rows of no use as labelled reports, by reason."""
        return dict(self.skipped) | ({"no-level": self.unlabelled} if self.unlabelled else {})

    def copy(self) -> "Account":
        """Another account that starts where this one stands."""
        return replace(self, skipped=self.skipped.copy(), problems=list(self.problems))


class _Kept(NamedTuple):
    filed: Filed
    line: int
    report_id: str
    seen: tuple[str, ...]
    final: tuple[str, ...]


class Filings:
    """Cases of a file in order of filing. `account` is complete once the cases have been gone through."""

    def __init__(self, city: City, kept: list[_Kept], account: Account, levels: Levels | None) -> None:
        self.city = city
        self.account = account
        self._read = account.copy()
        self._kept = kept
        self._levels = levels

    def __iter__(self) -> Iterator[Case]:
        self.account = self._read.copy()
        for kept in self._kept:
            try:
                case = self._case(kept)
            except RowError as error:
                self.account.skip(kept.line, kept.report_id, error.reason, error.detail)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                where = ".".join(map(str, first["loc"]))
                self.account.skip(kept.line, kept.report_id, "contract", f"{where}: {first['msg']}")
            else:
                self.account.reports += 1
                yield case

    def _case(self, kept: _Kept) -> Case:
        city = self.city
        report = city.report(dict(zip(city.report_columns, kept.seen, strict=True)))
        final = dict(zip(city.outcome_columns, kept.final, strict=True))
        outcome = self._graded(report.agency_id, city.outcome(final))
        revisions = [replace(r, outcome=self._graded(report.agency_id, r.outcome)) for r in city.revisions(final)]
        case = Case(report, outcome, revisions=tuple(revisions))
        if self._levels is not None and case.final.level is None and not case.final.unfounded:
            self.account.unlabelled += 1
            codes = ", ".join(str(o.agency_code or o.nibrs_code) for o in case.final.offences)
            detail = f"offence {codes} has no level in the table"
            self.account.name(Problem(kept.line, kept.report_id, "no-level", detail))
        return case

    def _graded(self, agency_id: str, outcome: Outcome) -> Outcome:
        """The outcome with its level; none where nothing happened."""
        if self._levels is None or outcome.unfounded:
            return outcome
        return replace(outcome, level=self._levels.level(outcome.offences, agency_id))


def read_filings(city: City, path: Path, levels: Levels | None = None) -> Filings:
    """Read `city`'s file; `levels` gives the level of each outcome.

    A row that can't be read is skipped, counted and named. `CityFileError` when the file lacks a column that is needed;
    `OSError` when there is no such file.
    """
    account = Account()
    kept: list[_Kept] = []
    numbers: set[int] = set()
    shared: dict[str, str] = {}
    with (city.records or csv_records)(path) as records:
        seen_at = _places(path, city, records.header, city.report_columns)
        final_at = _places(path, city, records.header, city.outcome_columns)
        for line, record in records.rows:
            account.rows += 1
            if isinstance(record, RowError):
                account.skip(line, "", record.reason, record.detail)
                continue
            seen = tuple(shared.setdefault(record[i], record[i]) for i in seen_at)
            final = tuple(shared.setdefault(record[i], record[i]) for i in final_at)
            try:
                filed = city.filed(dict(zip(city.report_columns, seen, strict=True)))
                if any(UNDECODABLE in value for value in seen + final):
                    raise RowError("undecodable", "a needed column holds bytes that are not UTF-8")
                if filed.number in numbers:
                    raise RowError("duplicate", "its number was seen before in this file")
            except RowError as error:
                account.skip(line, record[0], error.reason, error.detail)
                continue
            numbers.add(filed.number)
            kept.append(_Kept(filed, line, record[0], seen, final))
    kept.sort(key=lambda row: row.filed)
    return Filings(city, kept, account, levels)


@contextmanager
def csv_records(path: Path) -> Iterator[Records]:
    """The rows of a CSV file, plain or gzipped."""
    with _open(path) as text:
        reader = csv.reader(text)
        header = _header(path, reader)
        yield Records(header, _records(reader, len(header)))


class _Reader(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __next__(self) -> list[str]: ...


def _header(path: Path, records: _Reader) -> list[str]:
    try:
        return next(records)
    except StopIteration:
        raise CityFileError(f"{path} is empty") from None
    except (csv.Error, *_BROKEN) as error:
        raise CityFileError(f"{path} is not a CSV file: {error}") from error


def _records(records: _Reader, width: int) -> Iterator[tuple[int, Record]]:
    """Line number and fields of each row, or why there are none; ends where the file can't be read any further."""
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield records.line_num, RowError("not-csv", str(error))
        except _BROKEN as error:
            yield records.line_num, RowError("file-broken-off", f"the file can't be read beyond here: {error}")
            return
        else:
            if len(record) == width:
                yield records.line_num, record
            elif record:
                yield records.line_num, RowError("wrong-width", f"{len(record)} fields, the header has {width}")


_BROKEN = (EOFError, zlib.error, OSError)


def _open(path: Path) -> IO[str]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _places(path: Path, city: City, header: Sequence[str], columns: tuple[str, ...]) -> list[int]:
    missing = [name for name in columns if name not in header]
    if missing:
        raise CityFileError(f"{path} is not a file of {city.name}: it has no column {', '.join(missing)}")
    return [header.index(name) for name in columns]
