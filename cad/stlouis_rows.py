"""St. Louis' rows, one an offence, some of which take an earlier one back, as one record a report.

* Up to May 2013 there is no complaint number: rows of one month, occurrence, street and coordinates are one report (by
  complaint, that rule merges 1.1 % of the later reports wrongly), named by the month and their place in the file.
* A row with `Count` -1 takes back an offence of an earlier report: that of the same complaint and code, else of the
  same occurrence and code, and street where several have them. A row with `Count` 1 in the same month, of the same
  complaint or occurrence and street, is then what it was recoded to. A report none of whose offences is left was
  unfounded. What is taken back but lies before the file changes nothing.
* `Count` 1 rows of an older complaint without such a -1 row are further offences of it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from cad.city import Record, Records, RowError
from cad.filings import CityFileError

COLUMNS: Final = (
    "Complaint",
    "CodedMonth",
    "DateOccur",
    "Count",
    "Crime",
    "District",
    "ILEADSStreet",
    "Neighborhood",
    "XCoord",
    "YCoord",
)
"""Of the file, those that are read."""

REPORT_COLUMNS: Final = ("Report", "Number", "CodedMonth", "DateOccur", "District", "Neighborhood", "XCoord", "YCoord")
OUTCOME_COLUMNS: Final = ("Offences", "Corrections")
"""`Offences`: codes with spaces between. `Corrections`: `<days after filing>:<codes>`, parted by semicolons; no codes
where nothing is left."""

WIDTH: Final = 6
"""Digits of a UCR code as the level table has it; the file leaves out a leading zero."""

REMEMBERED: Final = 20_000
"""Instants that are kept as read: the rows of one are near one another."""

_COMPLAINT: Final = re.compile(r"(?:\d\d-\d{6})?", re.ASCII)


@contextmanager
def records(path: Path) -> Iterator[Records]:
    """One record a report; what is found unreadable stands in its place. `CityFileError` when the file is another."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path, columns=[*COLUMNS])
    except (pa.ArrowException, KeyError) as error:
        raise CityFileError(f"{path} is not the Parquet file of stlouis: {error}") from error
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise CityFileError(f"{path} is not a file of stlouis: it has no column {', '.join(missing)}")
    columns = [["" if cell is None else str(cell) for cell in table[name].to_pylist()] for name in COLUMNS]
    yield Records([*REPORT_COLUMNS, *OUTCOME_COLUMNS], _joined(map(_Entry._make, zip(*columns, strict=True))))


class _Entry(NamedTuple):
    """A row of the file, in the order of `COLUMNS`."""

    complaint: str
    month: str
    occurred: str
    counted: str
    crime: str
    district: str
    street: str
    neighborhood: str
    x: str
    y: str

    @property
    def code(self) -> str:
        return self.crime.strip().zfill(WIDTH)

    @property
    def where(self) -> tuple[object, str]:
        """Occurrence, as the same instant is written in more than one way, and street."""
        return instant(self.occurred), self.street

    @property
    def identity(self) -> tuple[object, ...]:
        """What the rows of one report have in common."""
        return (self.complaint,) if self.complaint else (self.month, *self.where, self.x, self.y)


@dataclass(slots=True)
class _Filing:
    """A report while its rows are gone through.

    `first`: the offences of its first month; `now`: those that hold; `later`: by month, those that held at its end.
    """

    line: int
    entry: _Entry
    first: list[str] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    later: dict[str, str] = field(default_factory=dict)

    def record(self) -> Record:
        entry, began = self.entry, month_end(self.entry.month)
        return (
            entry.complaint or f"{entry.month}-{self.line}",
            entry.complaint.replace("-", "") or f"{self.line}",
            *(entry.month, entry.occurred, entry.district, entry.neighborhood, entry.x, entry.y),
            " ".join(self.first),
            ";".join(f"{(month_end(month) - began).days}:{codes}" for month, codes in self.later.items()),
        )


class _Register:
    """The reports by what their rows have in common."""

    def __init__(self) -> None:
        self.filings: list[_Filing] = []
        self._by_identity: dict[tuple[object, ...], _Filing] = {}
        self._holders: dict[tuple[object, str], list[_Filing]] = defaultdict(list)  # by complaint or instant, and code

    def add(self, month: str, rows: list[tuple[int, _Entry]]) -> None:
        """Take in the rows of a month, later than all before."""
        backs = [entry for _, entry in rows if entry.counted == "-1"]
        recoded = {entry.where: filing for entry in backs if (filing := self._holder(entry))}
        touched: dict[int, _Filing] = {}
        for line, entry in rows:
            if entry.counted == "1":
                filing = self._by_identity.get(entry.identity) or recoded.get(entry.where) or self._new(line, entry)
                filing.now.append(entry.code)
                if filing.entry.month == month:
                    filing.first.append(entry.code)
                else:
                    touched[id(filing)] = filing
                self._holders[entry.complaint or entry.where[0], entry.code].append(filing)
                self._holders[entry.where[0], entry.code].append(filing)
        for entry in backs:
            if filing := self._holder(entry):
                filing.now.remove(entry.code)
                touched[id(filing)] = filing
        for filing in touched.values():
            filing.later[month] = " ".join(filing.now)

    def _new(self, line: int, entry: _Entry) -> _Filing:
        filing = self._by_identity[entry.identity] = _Filing(line, entry)
        self.filings.append(filing)
        return filing

    def _holder(self, entry: _Entry) -> _Filing | None:
        """The newest report from which `entry` takes its offence back."""
        for key in (entry.complaint, entry.where[0]):
            held = [filing for filing in self._holders.get((key, entry.code), ()) if entry.code in filing.now]
            here = [filing for filing in held if filing.entry.street == entry.street]
            if here or len(held) == 1:
                return (here or held)[-1]
        return None


def _joined(entries: Iterable[_Entry]) -> Iterator[tuple[int, Record]]:
    """The rows as reports, in the order of their first rows; what can't be read stands first, with its reason."""
    months: dict[str, list[tuple[int, _Entry]]] = defaultdict(list)
    for line, entry in enumerate(entries, start=1):
        try:
            if entry.counted not in ("1", "-1"):
                raise RowError("bad-count", f"Count is {entry.counted!r:.40}, neither 1 nor -1")
            if not _COMPLAINT.fullmatch(entry.complaint):
                raise RowError("bad-report-number", f"Complaint is {entry.complaint!r:.40}, not like 14-057104")
            month_end(entry.month)
            instant(entry.occurred)
        except RowError as error:
            yield line, error
        else:
            months[entry.month].append((line, entry))
    register = _Register()
    for month in sorted(months):
        register.add(month, months[month])
    for filing in register.filings:
        yield filing.line, filing.record()


@cache
def month_end(month: str) -> date:
    """The last day of a month like 2008-01."""
    try:
        first = datetime.strptime(month, "%Y-%m").date()
    except ValueError:
        raise RowError("bad-month", f"CodedMonth is {month!r:.40}, not YYYY-MM") from None
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


@lru_cache(REMEMBERED)
def instant(occurred: str) -> datetime:
    """Local time of DateOccur, such as 01/31/2008 08:00 or 1/31/2008 8:00."""
    try:
        day, _, clock = occurred.partition(" ")
        month, of_month, year = map(int, day.split("/"))
        hour, minute = map(int, clock.split(":"))
        return datetime(year, month, of_month, hour, minute)
    except ValueError:
        raise RowError("bad-time", f"DateOccur is {occurred!r:.40}, not MM/DD/YYYY HH:MM") from None
