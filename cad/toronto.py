"""Toronto: the police service's Major Crime Indicators 2014 to 2021 (14 columns) as cases; `severity fetch toronto`.

Conventions, where the file does not say:

* It tells the day and hour of occurrence, not when a report was filed. `reported_at` is the last second of the day of
  occurrence in Toronto; the 1,057 rows that occurred before 2014, when the indicators begin, were filed at a later day
  that nothing tells, and are left out.
* There is no report number: a report is named by the place of its row in the file.
* The offence is the text of `MCI`, five in all; its level table therefore knows the levels 2, 4 and 5 alone.
* Nothing tells whether a case was cleared: no outcome is `solved`.
* The numbers of the nearest pub, park and police station are left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Final

from cad.city import City, Filed, Outcome, Record, Records, Row, RowError
from cad.clock import LAST_SECOND, local
from cad.filings import csv_records
from cad.tables import table
from schemas.crime_report import CrimeReport, Location
from schemas.solved_case import Offence

AGENCY: Final = "toronto"
ZONE: Final = "America/Toronto"
BEGIN: Final = date(2014, 1, 1)

LINE: Final = "Line"
REPORT_COLUMNS: Final = (
    LINE,
    "occurrencedate",
    "occurrencehour",
    "premises_type",
    "Neighbourhood",
    "Lat",
    "Long",
)
OUTCOME_COLUMNS: Final = ("MCI",)


def toronto() -> City:
    """Toronto."""
    return City(
        name=AGENCY,
        report_columns=REPORT_COLUMNS,
        outcome_columns=OUTCOME_COLUMNS,
        filed=filed,
        report=report,
        outcome=outcome,
        records=records,
        tells=("call",),
        note="Toronto, Major Crime Indicators: filing is taken as the end of the day of occurrence; levels 2, 4 and 5",
    )


@contextmanager
def records(path: Path) -> Iterator[Records]:
    """The rows of the CSV file with the number of their line."""
    with csv_records(path) as plain:
        yield Records([LINE, *plain.header], _numbered(plain.rows))


def filed(row: Row) -> Filed:
    """Day of occurrence, and the row's place in the file."""
    day = _day(row)
    if day < BEGIN:
        raise RowError("no-day-of-filing", f"occurred on {day}, before the indicators begin: filed at some later day")
    return Filed(day, int(row[LINE]))


def report(row: Row) -> CrimeReport:
    """The report in a row of `REPORT_COLUMNS`."""
    day, premises = _day(row), row["premises_type"].strip()
    latitude, longitude = _degrees("Lat", row), _degrees("Long", row)
    known = bool(latitude and longitude)
    return CrimeReport(
        agency_id=AGENCY,
        report_id=row[LINE],
        reported_at=local(datetime.combine(day, LAST_SECOND), ZONE),
        occurred_from=local(datetime.combine(day, time(_hour(row))), ZONE),
        location=Location(
            latitude=latitude if known else None,
            longitude=longitude if known else None,
            district=row["Neighbourhood"].strip()[:64] or None,
            place_type=_nibrs().get(premises),
            agency_place_type=premises or None,
        ),
    )


def outcome(row: Row) -> Outcome:
    """The offence in a row of `OUTCOME_COLUMNS`."""
    offence = row["MCI"].strip()
    if not offence:
        raise RowError("no-offence", "MCI is empty")
    return Outcome((Offence(agency_code=offence),), "OPEN", cleared=False)


def _numbered(rows: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
    for line, record in rows:
        yield line, record if isinstance(record, RowError) else [str(line), *record]


def _day(row: Row) -> date:
    """The day of occurrence; the file writes its midnight in Toronto as an instant of UTC."""
    text = row["occurrencedate"].strip()
    try:
        return datetime.strptime(text.partition(" ")[0], "%Y/%m/%d").date()
    except ValueError:
        raise RowError("bad-date", f"occurrencedate is {text!r:.40}, not YYYY/MM/DD") from None


def _hour(row: Row) -> int:
    text = row["occurrencehour"].strip()
    if not (text.isascii() and text.isdigit() and int(text) < 24):
        raise RowError("bad-time", f"occurrencehour is {text!r:.40}, not 0 to 23")
    return int(text)


def _degrees(column: str, row: Row) -> float | None:
    text = row[column].strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise RowError("bad-coordinates", f"{column} is {text!r:.40}, not a number") from None


@cache
def _nibrs() -> dict[str, str]:
    return {row["premises"]: row["nibrs"] for row in table("toronto_premises")}
