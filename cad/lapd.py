"""Los Angeles: the police department's open file "Crime Data from 2020 to Present" (28 columns) as cases.

Conventions, where the file does not say:

* It tells the day of filing, not the time. `reported_at` is the last second of that day in Los Angeles: the one instant
  of the day that comes before no occurrence of the same day, keeps the order of filing, and carries nothing that a
  model could learn from. A replay spreads a day's reports over the day when it paces them.
* A local time that the clocks skipped in spring is read as if they had not yet been set; one that occurs twice in
  autumn is the first. Noon (12:00) is often a placeholder; it is passed on as written.
* Latitude or longitude 0 is unknown. There is no call type, urgency, injury or count in the file.
* Flags come from MO codes (`tables/lapd_flags.csv`). A code that is absent leaves its flag unknown: unknown is not no.
* The final offence is `Crm Cd`, on which every published figure stands. `Crm Cd 1` to `4` differ from it in level in 39
  of the 39,980 rows of 2023 Q1; they are left out.
* There is no closing date. Whoever needs one draws it and says so (`cad.outcomes`).
"""

from collections import defaultdict
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Final

from cad.city import City, Filed, Levels, Outcome, Row, RowError
from cad.clock import LAST_SECOND, local
from cad.filings import Filings, read_filings
from cad.tables import table
from schemas.crime_report import CrimeReport, Flags, Location
from schemas.solved_case import CaseStatus, Offence

AGENCY: Final = "lapd"

REPORT_COLUMNS: Final = (
    "DR_NO",
    "Date Rptd",
    "DATE OCC",
    "TIME OCC",
    "AREA",
    "Rpt Dist No",
    "Mocodes",
    "Premis Cd",
    "Weapon Used Cd",
    "LAT",
    "LON",
)

OUTCOME_COLUMNS: Final = ("Crm Cd", "Status")

CLEARED: Final[dict[str, CaseStatus]] = {
    "AA": "CLEARED BY ARREST",  # adult arrest
    "JA": "CLEARED BY ARREST",  # juvenile arrest
    "AO": "CLEARED BY EXCEPTIONAL MEANS",  # adult other
    "JO": "CLEARED BY EXCEPTIONAL MEANS",  # juvenile other
}
"""`Status` at the time of export; any other one (IC, investigation continues) is open."""

ZONE: Final = "America/Los_Angeles"


def read(path: Path, levels: Levels | None = None) -> Filings:
    """Cases of an LAPD file in order of filing (`Date Rptd`, `DR_NO`); see `cad.filings.read_filings`."""
    return read_filings(lapd(), path, levels)


def lapd() -> City:
    """Los Angeles."""
    return City(
        name=AGENCY,
        report_columns=REPORT_COLUMNS,
        outcome_columns=OUTCOME_COLUMNS,
        filed=filed,
        report=report,
        outcome=outcome,
        note="LAPD, Crime Data from 2020 to Present: the file has no closing dates and no time of filing",
    )


def filed(row: Row) -> Filed:
    """Day and number of filing; both dates and the time must be readable."""
    number = row["DR_NO"].strip()
    if not (number.isascii() and number.isdigit()):
        raise RowError("bad-report-number", f"DR_NO is {number!r:.40}, not a number")
    _occurred(row)
    return Filed(_day("Date Rptd", row), int(number))


def report(row: Row) -> CrimeReport:
    """The report in a row of `REPORT_COLUMNS`."""
    weapon = row["Weapon Used Cd"].strip()
    premise = row["Premis Cd"].strip()
    circumstances = tuple(code.zfill(4) for code in row["Mocodes"].split())
    latitude, longitude = _degrees("LAT", row), _degrees("LON", row)
    known = bool(latitude and longitude)
    return CrimeReport(
        agency_id=AGENCY,
        report_id=row["DR_NO"].strip(),
        reported_at=local(datetime.combine(_day("Date Rptd", row), LAST_SECOND), ZONE),
        occurred_from=_occurred(row),
        location=Location(
            latitude=latitude if known else None,
            longitude=longitude if known else None,
            area=row["AREA"].strip().zfill(2) if row["AREA"].strip() else None,
            district=row["Rpt Dist No"].strip().zfill(4) if row["Rpt Dist No"].strip() else None,
            place_type=_nibrs("lapd_premises", "premise").get(premise),
            agency_place_type=premise or None,
        ),
        weapons=tuple(filter(None, [_nibrs("lapd_weapons", "weapon").get(weapon)])),
        agency_weapons=(weapon,) if weapon else (),
        circumstances=circumstances,
        flags=_flags(circumstances),
    )


def outcome(row: Row) -> Outcome:
    """The outcome in a row of `OUTCOME_COLUMNS`."""
    code = row["Crm Cd"].strip()
    if not code:
        raise RowError("no-offence", "Crm Cd is empty")
    status = CLEARED.get(row["Status"].strip())
    return Outcome((Offence(agency_code=code),), status or "OPEN", cleared=status is not None)


def _occurred(row: Row) -> datetime:
    text = row["TIME OCC"].strip().zfill(4)
    if len(text) != 4 or not text.isdecimal() or not (int(text[:2]) < 24 and int(text[2:]) < 60):
        raise RowError("bad-time", f"TIME OCC is {row['TIME OCC']!r:.40}, not HHMM")
    return local(datetime.combine(_day("DATE OCC", row), time(int(text[:2]), int(text[2:]))), ZONE)


def _day(column: str, row: Row) -> date:
    try:
        return _parse_day(row[column].strip().partition(" ")[0])
    except ValueError:
        raise RowError("bad-date", f"{column} is {row[column]!r:.40}, not MM/DD/YYYY") from None


@cache
def _parse_day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def _degrees(column: str, row: Row) -> float | None:
    text = row[column].strip()
    try:
        return float(text) if text else None
    except ValueError:
        raise RowError("bad-coordinates", f"{column} is {text!r:.40}, not a number") from None


@cache
def _nibrs(name: str, column: str) -> dict[str, str]:
    return {row[column]: row["nibrs"] for row in table(name)}


@cache
def _flags_by_code() -> dict[str, tuple[str, ...]]:
    flags: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for row in table("lapd_flags"):
        flags[row["mo_code"]] += (row["flag"],)
    return dict(flags)


def _flags(circumstances: tuple[str, ...]) -> Flags:
    by_code = _flags_by_code()
    return Flags.model_validate({flag: True for code in circumstances for flag in by_code.get(code, ())})
