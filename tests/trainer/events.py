"""Small events and records for the trainer's tests, and a stand-in for the sender."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import Headers
from schemas.priority import ModelRef, Priority, SourcePosition
from schemas.solved_case import Offence, SolvedCase
from transport.records import Record

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPICS = {CrimeReport: topics.CRIME_REPORTS, Priority: topics.PRIORITIES, SolvedCase: topics.SOLVED_CASES}


class CodeIsLevel:
    """A level table for tests: the NIBRS code `3` is level 3, anything else is unknown."""

    def level(self, offences: Sequence[Offence], agency_id: str) -> int | None:
        found = [int(o.nibrs_code) for o in offences if o.nibrs_code and o.nibrs_code.isdigit()]
        return max(found, default=None)


class Outbox:
    """Remembers what was sent, and what of it was flushed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, Headers]] = []
        self.flushed = 0

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        self.sent.append((topic, key, value, headers))

    def flush(self) -> None:
        self.flushed = len(self.sent)


def report(n: int, revision: int = 1, **fields: object) -> CrimeReport:
    minutes = timedelta(minutes=n)
    return CrimeReport(
        **{"agency_id": "riverton", "report_id": f"r{n}", "revision": revision, "reported_at": START + minutes} | fields
    )


def priority(n: int, revision: int = 1, *, release: int | None = 1, level: int | None = 3, at: int = 0) -> Priority:
    return Priority(
        agency_id="riverton",
        report_id=f"r{n}",
        revision=revision,
        status="Actual",
        severity=level,
        model_severity=level if release else None,
        score=None,
        probabilities=(0.1, 0.2, 0.4, 0.2, 0.1) if release else None,
        priority="P3",
        colour="#112233",
        target_minutes=30,
        eido_priority=5,
        decided_by="model" if release else "rule",
        degraded=release is None,
        needs_human_triage=False,
        model=ModelRef(name="severity", release=release, digest="0" * 64) if release else None,
        policy_version="1",
        reported_at=START,
        scored_at=START + timedelta(minutes=n, seconds=at),
        source=SourcePosition(topic=topics.CRIME_REPORTS, partition=0, offset=n),
    )


def outcome(n: int, level: int | str = 3, *, sequence: int = 1, basis: str = "solved", **fields: object) -> SolvedCase:
    return SolvedCase(
        **{
            "agency_id": "riverton",
            "report_id": f"r{n}",
            "sequence": sequence,
            "case_status": "CLOSED",
            "basis": basis,
            "closed_at": START + timedelta(days=1, minutes=n),
            "offences": (Offence(nibrs_code=str(level)),),
        }
        | fields
    )


def records(
    events: Sequence[CrimeReport | Priority | SolvedCase], first: int = 0, partition: int = 0, prefix: str = ""
) -> list[Record]:
    """Events of one kind as a partition holds them, from offset `first` on.

    Written by pydantic and not by `encode`, which has no integers beyond 64 bits; others' systems have.
    """
    return [
        Record(
            prefix + TOPICS[type(event)],
            partition,
            first + place,
            event.key,
            event.model_dump_json().encode(),
            (("ce_type", event.ce_type.encode()), ("content-type", b"application/json")),
            1_700_000_000_000,
        )
        for place, event in enumerate(events)
    ]
