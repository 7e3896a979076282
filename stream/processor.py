"""Records in, priorities and dead letters out: what the scorer does with a batch, without Kafka and without a clock.

A record that can be read gives a priority; one that cannot is a dead letter, and where its body or its key tells whose
report it is, also a priority that asks for a person: a crime report must not vanish. No record makes the processor
raise.
Where only optional fields of a report are wrong, its priority comes from the rest of it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import pydantic_core
from pydantic import ValidationError

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, Refusal, decode, encode, identity, salvage
from schemas.priority import DeadLetterRef, Priority, SourcePosition
from transport.records import Batch, DeadLetter, Outgoing, Record

DELIVERY_HEADER: Final = "severity.delivery"
"""Kafka header of each priority that says how it was delivered: exactly-once or at-least-once."""

FOREIGN_AGENCY: Final = "foreign-agency"
"""Dead-letter reason: the report's agency is not the one that its topic belongs to."""

UNSCORABLE: Final = "unscorable"
"""Dead-letter reason: readable, but not even the rules could answer."""

VITAL: Final = frozenset({"revision"})
"""Fields without which a report is not scored in part: another revision would take the place of the right one."""

logger = logging.getLogger(__name__)


class Assess(Protocol):
    """What the processor needs of `severity.assess.Assessor`."""

    def assess(
        self, reports: Sequence[CrimeReport], positions: Sequence[SourcePosition], now: datetime
    ) -> list[Priority]:
        """One priority a report, in order."""

    def triage(
        self, agency_id: str, report_id: str, dead_letter: DeadLetterRef, position: SourcePosition, now: datetime
    ) -> Priority:
        """A priority that asks for a person. Raises ValidationError when the identity breaks the contract."""


@dataclass(slots=True)
class Tally:
    """What happened in one batch, for the metrics."""

    records: int
    priorities: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    """By severity level (None: unreadable) and `decided_by`."""
    drills: int = 0
    human_triage: int = 0
    unknown_fields: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Keys decode, assess, encode."""


class Processor:
    """`process(records)`: decode all, assess all at once with one release, encode all.

    Arguments:
        current: the assessor to use, asked once a batch, so that no batch mixes releases.
        delivery: what the header `severity.delivery` says.
        source: URI reference of this scorer, the CloudEvents `source`.
        clock: the time now, with an offset.
        timer: seconds on a steady clock, for the time spent in each stage.
    """

    def __init__(
        self,
        current: Callable[[], Assess],
        *,
        delivery: str,
        source: str,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
    ) -> None:
        self._current = current
        self._delivery = (DELIVERY_HEADER, delivery.encode())
        self._source = source
        self._clock = clock
        self._timer = timer

    def process(self, records: Sequence[Record]) -> tuple[Batch, Tally]:
        """Answer every record, in order."""
        assessor, now, tally = self._current(), self._clock(), Tally(len(records))
        began = self._timer()
        work = _decode(records)
        decoded = self._timer()
        work.assess(assessor, now)
        assessed = self._timer()
        outputs = [self._encode(work.answers[place], now, tally) for place in sorted(work.answers)]
        encoded = self._timer()
        tally.unknown_fields = sum(len(report.unknown_fields) for report in work.reports.values())
        tally.stage_seconds = {"decode": decoded - began, "assess": assessed - decoded, "encode": encoded - assessed}
        return Batch(outputs, [work.refused[place] for place in sorted(work.refused)]), tally

    def _encode(self, priority: Priority, now: datetime, tally: Tally) -> Outgoing:
        drill = priority.status != "Actual"
        tally.priorities[priority.severity, priority.decided_by] += 1
        tally.drills += drill
        tally.human_triage += priority.needs_human_triage
        key, value, headers = encode(priority, source=self._source, time=now)
        headers.append(self._delivery)
        return Outgoing(topics.PRIORITIES_EXERCISE if drill else topics.PRIORITIES, key, value, headers)


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch under way; every mapping is by a record's place in it."""

    records: Sequence[Record]
    reports: dict[int, CrimeReport] = field(default_factory=dict)
    refused: dict[int, DeadLetter] = field(default_factory=dict)
    answers: dict[int, Priority] = field(default_factory=dict)

    def refuse(self, place: int, reason: str, detail: str) -> None:
        self.refused[place] = DeadLetter(self.records[place], reason, detail)

    def position(self, place: int) -> SourcePosition:
        record = self.records[place]
        return SourcePosition(topic=record.topic, partition=record.partition, offset=record.offset)

    def assess(self, assessor: Assess, now: datetime) -> None:
        """Answer every report, then give what was refused to a person where it is known whose it is."""
        positions = [self.position(place) for place in self.reports]
        try:
            priorities = assessor.assess([*self.reports.values()], positions, now) if positions else []
            self.answers.update(zip(self.reports, priorities, strict=True))
        except Exception:  # whatever fails, and for whichever report: the others must be answered
            logger.exception("a batch of %d reports could not be assessed: now one by one", len(positions))
            self._one_by_one(assessor, now)
        for place, letter in self.refused.items():
            if place in self.answers:
                self.answers[place] = _in_part(self.answers[place], letter)
            elif triage := _triage(assessor, letter, self.position(place), now):
                self.answers[place] = triage

    def _one_by_one(self, assessor: Assess, now: datetime) -> None:
        for place, report in self.reports.items():
            try:
                (self.answers[place],) = assessor.assess([report], [self.position(place)], now)
            except Exception as error:  # logged for the batch; this report goes to a person
                self.refuse(place, UNSCORABLE, f"{type(error).__name__} while it was assessed")


def _decode(records: Sequence[Record]) -> _Work:
    work = _Work(records)
    for place, record in enumerate(records):
        try:
            report = decode(CrimeReport, record.key, record.value, record.headers)
        except ContractError as error:
            work.refuse(place, error.reason, error.detail)
            if error.reason is Refusal.INVALID and (part := _legible(record)):
                work.reports[place] = part
            continue
        if _may_write(report.agency_id, record.topic):
            work.reports[place] = report
        else:
            work.refuse(place, FOREIGN_AGENCY, "the topic is another agency's than the one that the report names")
    return work


def _legible(record: Record) -> CrimeReport | None:
    """What can be read of a report whose optional fields break the contract, where it is sure whose it is."""
    report = salvage(CrimeReport, record.value or b"", record.headers, VITAL)
    if report is None or record.key not in (None, report.key) or not _may_write(report.agency_id, record.topic):
        return None
    return report


def _in_part(priority: Priority, letter: DeadLetter) -> Priority:
    """The priority of what could be read of a report, for a person to look at the rest."""
    reference = DeadLetterRef(topic=topics.dead_letters(letter.record.topic), reason=letter.reason)
    return priority.model_copy(update={"needs_human_triage": True, "dead_letter": reference})


def _may_write(agency_id: str, topic: str) -> bool:
    """Whether an agency's reports belong on `topic`: its own `<agency>.crime-reports`, or one that names no agency."""
    owner, dot, plain = topic.rpartition(".")
    return not dot or plain != topics.CRIME_REPORTS or owner == agency_id


def _triage(assessor: Assess, letter: DeadLetter, position: SourcePosition, now: datetime) -> Priority | None:
    """None when neither the record's body nor its key tells, by the contract's rules, whose report it is."""
    reference = DeadLetterRef(topic=topics.dead_letters(letter.record.topic), reason=letter.reason)
    for whose in (_said_in(letter.record.value), identity(letter.record.key)):
        if whose is not None and _may_write(whose[0], letter.record.topic):
            try:
                return assessor.triage(*whose, reference, position, now)
            except ValidationError:
                continue
    return None


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
