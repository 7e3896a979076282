"""From records to crime reports: what can be read, what is refused and why, and whose a refused record is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from schemas import topics
from schemas.common import AgencyId, ReportId
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, Refusal, decode, identity, salvage
from transport.records import DeadLetter, Record

FOREIGN_AGENCY: Final = "foreign-agency"
"""Dead-letter reason: the report's agency is not the one that its topic belongs to."""

_IDENTITY: Final = TypeAdapter(tuple[AgencyId, ReportId])

VITAL: Final = frozenset({"revision"})
"""Fields without which a report is not scored in part: another revision would take the place of the right one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The reports that can be read, in whole or in part, and the refused records, by their place in the batch.

    What can be read in part is in both.
    """

    reports: dict[int, CrimeReport] = field(default_factory=dict)
    refused: dict[int, DeadLetter] = field(default_factory=dict)


def read(records: Sequence[Record]) -> Reading:
    """Every record is in the one or the other; where only optional fields are wrong, in both."""
    reading = Reading()
    for place, record in enumerate(records):
        try:
            report = decode(CrimeReport, record.key, record.value, record.headers)
        except ContractError as error:
            reading.refused[place] = DeadLetter(record, error.reason, error.detail)
            if error.reason is Refusal.INVALID and (part := _legible(record)):
                reading.reports[place] = part
            continue
        if _may_write(report.agency_id, record.topic):
            reading.reports[place] = report
        else:
            detail = "the topic is another agency's than the one that the report names"
            reading.refused[place] = DeadLetter(record, FOREIGN_AGENCY, detail)
    return reading


def whose(record: Record) -> Iterator[tuple[str, str]]:
    """(agency_id, report_id) as the body of a refused record says, then as its key does, where the topic allows it."""
    for said in (_said_in(record.value), identity(record.key)):
        if said is not None and _may_write(said[0], record.topic):
            yield said


def name_in(record: Record) -> str | None:
    """`agency_id/report_id` of a refused record, where that keeps the contract and so says nothing else."""
    for said in whose(record):
        try:
            return "/".join(_IDENTITY.validate_python(said))
        except ValidationError:
            continue
    return None


@lru_cache(1024)  # asked for every record
def owner(topic: str) -> str | None:
    """The agency that a topic `<agency>.crime-reports` belongs to."""
    agency_id, dot, plain = topic.rpartition(".")
    return agency_id if dot and plain == topics.CRIME_REPORTS else None


def _may_write(agency_id: str, topic: str) -> bool:
    """Whether an agency's reports belong on `topic`: its own, or one that names no agency."""
    whose_topic = owner(topic)
    return whose_topic is None or whose_topic == agency_id


def _legible(record: Record) -> CrimeReport | None:
    """What can be read of a report whose optional fields break the contract, where it is sure whose it is."""
    report = salvage(CrimeReport, record.value or b"", record.headers, VITAL)
    if report is None or record.key not in (None, report.key) or not _may_write(report.agency_id, record.topic):
        return None
    return report


def _said_in(body: bytes | None) -> tuple[str, str] | None:
    """(agency_id, report_id) of a body that is JSON and yet no report; a producer may set no key, or a wrong one."""
    try:
        said = pydantic_core.from_json(body or b"")
    except ValueError:
        return None
    if isinstance(said, dict) and isinstance(said.get("data"), dict):  # a structured CloudEvent
        said = said["data"]
    match said:
        case {"agency_id": str(agency_id), "report_id": str(report_id)}:
            return agency_id, report_id
        case _:
            return None
