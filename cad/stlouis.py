"""St. Louis: the police department's monthly incident files 2008 to 2019, joined (Parquet, 17 columns), as cases.

The files hold a row an offence; `cad.stlouis_rows` makes one record a report of them, with the offences as first
counted and what became of them later. Conventions, where the files do not say:

* The time of filing is known to the month (`CodedMonth`). `reported_at` is the month's last second in St. Louis, as it
  comes before no occurrence of the month and tells a model nothing; order within a month is the complaint number.
* Nothing tells whether a case was cleared: no outcome is `solved`, the first is the department's classification.
* Coordinates are Missouri State Plane East, NAD 83, US survey feet; 0 is unknown. The names and comments of places are
  free text, which may name a person: they are left out.
"""

from datetime import datetime, timedelta
from typing import Final

from cad.city import City, Filed, Outcome, Revision, Row, RowError
from cad.clock import LAST_SECOND, local
from cad.state_plane import MISSOURI_EAST, degrees
from cad.stlouis_rows import OUTCOME_COLUMNS, REPORT_COLUMNS, instant, month_end, records
from schemas.crime_report import CrimeReport, Location
from schemas.solved_case import Offence

AGENCY: Final = "stlouis"

MOST: Final = 32
"""Different offences of a case that an outcome can hold."""

ZONE: Final = "America/Chicago"


def stlouis() -> City:
    """St. Louis."""
    return City(
        name=AGENCY,
        report_columns=REPORT_COLUMNS,
        outcome_columns=OUTCOME_COLUMNS,
        filed=filed,
        report=report,
        outcome=outcome,
        revisions=revisions,
        records=records,
        tells=("call",),
        note="St. Louis, incident files 2008 to 2019: report time is known to the month, clearance not at all",
    )


def filed(row: Row) -> Filed:
    """Last day of the month of filing, and the report's number."""
    return Filed(month_end(row["CodedMonth"]), int(row["Number"]))


def report(row: Row) -> CrimeReport:
    """The report in a record of `REPORT_COLUMNS`."""
    place = _place(row)
    return CrimeReport(
        agency_id=AGENCY,
        report_id=row["Report"],
        reported_at=local(datetime.combine(month_end(row["CodedMonth"]), LAST_SECOND), ZONE),
        occurred_from=local(instant(row["DateOccur"]), ZONE),
        location=Location(
            latitude=place[0] if place else None,
            longitude=place[1] if place else None,
            area=_known(row["District"]),
            district=_known(row["Neighborhood"]),
        ),
    )


def outcome(row: Row) -> Outcome:
    """What was counted first."""
    return _outcome(row["Offences"])


def revisions(row: Row) -> tuple[Revision, ...]:
    """What it was corrected to, in order."""
    return tuple(
        Revision(timedelta(days=int(days)), _outcome(codes))
        for days, _, codes in (correction.partition(":") for correction in filter(None, row["Corrections"].split(";")))
    )


def _outcome(codes: str) -> Outcome:
    offences = tuple(Offence(agency_code=code) for code in [*dict.fromkeys(codes.split())][:MOST])
    return Outcome(offences, "OPEN" if offences else "UNFOUNDED", cleared=False, unfounded=not offences)


def _place(row: Row) -> tuple[float, float] | None:
    try:
        east, north = float(row["XCoord"] or 0), float(row["YCoord"] or 0)
    except ValueError:
        raise RowError("bad-coordinates", f"{row['XCoord']!r:.20}, {row['YCoord']!r:.20} are no numbers") from None
    return degrees(MISSOURI_EAST, east, north) if east and north else None


def _known(code: str) -> str | None:
    """The code, None where it is empty or 0, which stands for unknown."""
    return code.strip().lstrip("0") or None
