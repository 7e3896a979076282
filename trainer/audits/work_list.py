"""What people have still to grade, and what it will cost."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.audit_request import SECOND
from schemas.crime_report import CrimeReport
from trainer.dataset.dataset import Dataset

_ASKED: Final = f"""
WITH asked AS (
    SELECT agency_id, report_id, request_id, drawn_at, body FROM reports WHERE request_id IS NOT NULL
    UNION ALL
    SELECT agency_id, report_id, second_request_id, drawn_at, body FROM reports WHERE second_request_id IS NOT NULL
), once AS (
    SELECT *, row_number() OVER (PARTITION BY request_id ORDER BY drawn_at, body) AS place FROM asked
)
SELECT agency_id, report_id, request_id, request_id LIKE '%{SECOND}' AS second, drawn_at, body FROM once
WHERE place = 1 AND request_id NOT IN (SELECT request_id FROM outcomes WHERE request_id IS NOT NULL)
ORDER BY drawn_at, agency_id, report_id, request_id
"""  # noqa: S608 - a constant of ours, no input


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that nobody has answered. `second`: another person than for the first request shall.

    `place_type` is the agency's own code, else NIBRS', None where the report names none.
    """

    agency_id: str
    report_id: str
    request_id: str
    second: bool
    drawn_at: datetime
    age_hours: float
    place_type: str | None


def open_requests(dataset: Dataset, now: datetime) -> list[OpenRequest]:
    """The open requests, oldest first. They are kept with the reports, so that a new rate or secret changes no request
    that was sent, and erasing a report takes it off the list."""
    found = []
    for row in dataset.query(_ASKED).to_pylist():
        where = CrimeReport.model_validate_json(row.pop("body")).location
        age = (now - row["drawn_at"]).total_seconds() / 3600
        place = where.agency_place_type or where.place_type
        found.append(OpenRequest(**row, age_hours=round(age, 2), place_type=place))
    return found
