"""How an event becomes a row: the columns of the tables `reports`, `priorities`, `outcomes`,
`trainings`, `erasures`.

A report keeps its own JSON, written again from the validated model without the fields that the contract does not know:
what nobody asked for is never stored. Of an outcome the final offences are kept as JSON, so that a level can be looked
up anew whenever an agency signs off another table.
"""

from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final

import pyarrow as pa
from pydantic import TypeAdapter

from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.priority import Priority
from schemas.solved_case import Offence, SolvedCase
from trainer.dataset.tables import POSITION
from trainer.training.job import Result

OFFENCES: Final = TypeAdapter(tuple[Offence, ...])
"""Reads and writes the `offences` column."""

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_IDENTITY: Final = (("agency_id", pa.string()), ("report_id", pa.string()))

REPORTS: Final = pa.schema(
    [
        *POSITION,
        *_IDENTITY,
        ("revision", pa.int32()),
        ("status", pa.string()),
        ("reported_at", _INSTANT),
        ("body", pa.string()),
        ("drawn_at", _INSTANT),
        ("audit_probability", pa.float64()),
        ("request_id", pa.string()),
        ("second_request_id", pa.string()),
    ]
)
PRIORITIES: Final = pa.schema(
    [
        *POSITION,
        *_IDENTITY,
        ("revision", pa.int32()),
        ("decision", pa.int32()),
        ("severity", pa.int8()),
        ("model_severity", pa.int8()),
        ("probabilities", pa.list_(pa.float64())),
        ("plausible_levels", pa.list_(pa.int8())),
        ("decided_by", pa.string()),
        ("degraded", pa.bool_()),
        ("needs_human_triage", pa.bool_()),
        ("floor_rule", pa.string()),
        ("release", pa.int64()),
        ("policy_version", pa.string()),
        ("scored_at", _INSTANT),
    ]
)
OUTCOMES: Final = pa.schema(
    [
        *POSITION,
        *_IDENTITY,
        ("sequence", pa.int32()),
        ("basis", pa.string()),
        ("case_status", pa.string()),
        ("closed_at", _INSTANT),
        ("offences", pa.string()),
        ("request_id", pa.string()),
        ("audit_probability", pa.float64()),
    ]
)
ERASURES: Final = pa.schema([("erased_at", _INSTANT), ("key", pa.string()), ("digest", pa.string())])
TRAININGS: Final = pa.schema(
    [
        ("started_at", _INSTANT),
        ("seconds", pa.float64()),
        ("outcomes", pa.int64()),
        ("result", pa.string()),
        ("release", pa.int64()),
        ("rows", pa.int64()),
        ("verdict", pa.string()),
    ]
)

_MOST: Final = 2**31 - 1

Position = tuple[str, int, int]
"""Topic, partition, offset of a record."""


def report_row(at: Position, report: CrimeReport, requests: Sequence[AuditRequest] = ()) -> tuple[object, ...]:
    """Row of `reports`; `requests` ask for its audit, once or twice, when it was drawn."""
    unknown = set(report.unknown_fields)
    first, second = [*requests, None, None][:2]
    return (
        *at,
        report.agency_id,
        report.report_id,
        report.revision,
        report.status,
        report.reported_at,
        report.model_dump_json(exclude=unknown or None, exclude_none=True),  # None is every optional field's default
        first and first.drawn_at,
        first and first.probability,
        first and first.request_id,
        second and second.request_id,
    )


def priority_row(at: Position, priority: Priority) -> tuple[object, ...]:
    """Row of `priorities`; `release` is null when no model took part."""
    return (
        *at,
        priority.agency_id,
        priority.report_id,
        priority.revision,
        priority.decision,
        priority.severity,
        priority.model_severity,
        priority.probabilities,
        priority.plausible_levels,
        priority.decided_by,
        priority.degraded,
        priority.needs_human_triage,
        priority.floor_rule,
        priority.model.release if priority.model else None,
        priority.policy_version,
        priority.scored_at,
    )


def outcome_row(at: Position, outcome: SolvedCase) -> tuple[object, ...]:
    """Row of `outcomes`."""
    return (
        *at,
        outcome.agency_id,
        outcome.report_id,
        outcome.sequence,
        outcome.basis,
        outcome.case_status,
        outcome.closed_at,
        OFFENCES.dump_json(outcome.offences, exclude_none=True).decode(),
        outcome.audit.request_id if outcome.audit else None,
        outcome.audit.probability if outcome.audit else None,
    )


def training_row(
    began: datetime, ended: datetime, outcomes: int, outcome: str, result: Result | None, verdict: str
) -> tuple[object, ...]:
    """Row of `trainings`; `outcomes`: outcome events in the dataset when it began, `outcome`: what came of it."""
    version = result.version if result else None
    seconds = (ended - began).total_seconds()
    release, rows = version.release if version else None, result.rows if result else None
    return (began, seconds, outcomes, outcome, release, rows, verdict)


def fits(event: CrimeReport | Priority | SolvedCase) -> bool:
    """Whether the tables can hold an event: its numbers in 32 bits, its instant in a year that UTC has too."""
    match event:
        case CrimeReport():
            number, instant = event.revision, event.reported_at
        case Priority():
            release = event.model.release if event.model else 0
            number, instant = max(event.revision, event.decision, release), event.scored_at
        case SolvedCase():
            number, instant = event.sequence, event.closed_at
    if not MINYEAR < instant.year < MAXYEAR:
        try:
            instant.astimezone(UTC)
        except OverflowError:
            return False
    return number <= _MOST


def columns(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table with the columns of `schema`, in its order."""
    values = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(values, schema, strict=True)], schema=schema)
