"""Intake: the three topics into the dataset, exactly once, and audits drawn on the way.

The tables say where to go on, not a consumer group. What is sent to Kafka for a batch (dead letters of `solved-cases`,
audit requests) is delivered before the batch is committed to the tables: after a crash it may be sent again, with the
same `ce_id` or naming the same place, but is never missing. A record so large that the reason might not fit beside it
gives a bare dead letter, whose headers say where it lies. An unreadable crime report or priority is only counted;
the scorer writes the dead letter of the former, and the latter is ours to mend. Of a report that was erased nothing is
taken again.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final, Protocol

from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import MAX_BYTES, ContractError, Headers, decode, encode
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import TABLES, Dataset
from trainer.dataset.erasure import Tombstones
from trainer.dataset.rows import Position, columns, fits, outcome_row, priority_row, report_row
from trainer.dataset.tables import mark
from transport.records import DeadLetter, Record, next_offsets

Event = CrimeReport | Priority | SolvedCase

KINDS: Final[Mapping[str, type[Event]]] = {
    topics.CRIME_REPORTS: CrimeReport,
    topics.PRIORITIES: Priority,
    topics.SOLVED_CASES: SolvedCase,
}
"""What each topic carries."""

FOREIGN_AGENCY: Final = "foreign-agency"
"""Reason: the event's agency is not the one that its topic belongs to."""

OUT_OF_RANGE: Final = "out-of-range"
"""Reason: a number or an instant that the contract allows and no table can hold."""

LATEST_MS: Final = 253_402_300_799_000
"""The last second of the year 9999. A record's timestamp may be whatever its producer says."""

SOURCE: Final = "/severity/trainer"
"""CloudEvents source of what the trainer writes."""


class Sender(Protocol):
    """What the trainer needs of `transport.sender.Sender`."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Queue one message."""

    def flush(self) -> None:
        """Return when all queued messages are delivered, raise when one was not."""


@dataclass(slots=True)
class Taken:
    """What one batch brought: its events in order, and counts for the metrics."""

    events: list[Event] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    """New rows by topic."""
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Unreadable records by topic and reason."""
    unknown_fields: int = 0
    audits: int = 0
    erased: int = 0
    """Records of reports that were erased: not stored."""


class Intake:
    """Takes batches of records into `dataset`; `clock` dates the dead letters."""

    def __init__(self, dataset: Dataset, sender: Sender, audit: AuditDraw, clock: Callable[[], datetime]) -> None:
        self._dataset = dataset
        self._erased = Tombstones(dataset, audit.key)
        self._sender = sender
        self._audit = audit
        self._clock = clock

    def starts(self) -> Mapping[tuple[str, int], int]:
        """Where a reader shall go on, by topic and partition."""
        places = ((name.rpartition("/"), offset) for name, offset in self._dataset.marks().items())
        return {(topic, int(partition)): offset for (topic, _, partition), offset in places}

    def take(self, records: Sequence[Record]) -> Taken:
        """Store `records`, in order within each partition, and move the marks behind them.

        Raises `NotDelivered` or Delta's `CommitFailedError`; reading must then start again from the marks.
        """
        taken = Taken()
        rows: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        marks: dict[str, dict[str, int]] = defaultdict(dict)
        for (topic, partition), offset in next_offsets(records).items():
            marks[_parted(topic)[1]][mark(topic, partition)] = offset
        self._erased.refresh()
        for record in records:
            owner, kind = _parted(record.topic)
            event = self._read(owner, kind, record, taken)
            if event is not None:
                requests = self._draw(event, record, taken) if isinstance(event, CrimeReport) else ()
                rows[kind].append(_row(event, (record.topic, record.partition, record.offset), requests))
        self._sender.flush()
        for kind, moved in marks.items():
            table = self._dataset[TABLES[kind]]
            taken.rows[kind] = table.append(columns(rows[kind], table.schema), moved)
        if self._erased.refresh():  # by another process, while this batch was on its way past it
            for event in taken.events:
                if self._erased.hold(event.agency_id, event.report_id):
                    self._dataset.erase(event.agency_id, event.report_id)
        return taken

    def _read(self, owner: str, kind: str, record: Record, taken: Taken) -> Event | None:
        try:
            event = decode(KINDS[kind], record.key, record.value, record.headers)
        except ContractError as error:
            self._refuse(kind, DeadLetter(record, error.reason, error.detail), taken)
            return None
        if owner not in ("", event.agency_id):
            detail = "the topic is another agency's than the one that the event names"
            self._refuse(kind, DeadLetter(record, FOREIGN_AGENCY, detail), taken)
            return None
        if not fits(event):
            detail = "a number is larger than 32 bits hold, or an instant lies outside the years 1 to 9999 of UTC"
            self._refuse(kind, DeadLetter(record, OUT_OF_RANGE, detail), taken)
            return None
        if self._erased.hold(event.agency_id, event.report_id):
            taken.erased += 1
            return None
        taken.events.append(event)
        if not isinstance(event, Priority):
            taken.unknown_fields += len(event.unknown_fields)
        return event

    def _refuse(self, kind: str, letter: DeadLetter, taken: Taken) -> None:
        taken.refused[kind, letter.reason] += 1
        if kind == topics.SOLVED_CASES:
            self._sender.send(*letter.outgoing(self._clock(), bare=_size(letter.record) > MAX_BYTES))

    def _draw(self, report: CrimeReport, record: Record, taken: Taken) -> tuple[AuditRequest, ...]:
        """Ask for an audit when the report is drawn; dated by the broker, so that a repeat is the same message."""
        at = datetime.fromtimestamp(min(max(record.timestamp_ms, 0), LATEST_MS) / 1000, UTC)
        requests = self._audit.requests(report, at)
        for request in requests:
            self._sender.send(topics.AUDIT_REQUESTS, *encode(request, source=SOURCE, time=at))
        taken.audits += len(requests)
        return requests


def _row(event: Event, at: Position, requests: Sequence[AuditRequest]) -> tuple[object, ...]:
    match event:
        case CrimeReport():
            return report_row(at, event, requests)
        case Priority():
            return priority_row(at, event)
        case SolvedCase():
            return outcome_row(at, event)


def _size(record: Record) -> int:
    headers = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


@cache
def _parted(topic: str) -> tuple[str, str]:
    """Whose the topic is and what it carries: `lapd.crime-reports`; nobody's own is plain `crime-reports`."""
    owner, _, kind = topic.rpartition(".")
    return owner, kind
