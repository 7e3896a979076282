"""Who reads which topic besides the scorer's loop, for `bench.malformed`: each takes records as the service does and
says what became of each."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from bench.intake import happenings
from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.envelope import ContractError, Event, Headers, decode, encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from severity.artefact.keys import TrustedKeys
from severity.artefact.manifest import Refusal
from severity.artefact.store import open_store
from stream.acknowledged import acknowledged
from stream.errors import ReleaseRefused
from stream.follower import Follower, Way
from stream.high_water import HighWater, Mark
from stream.loader import Handover
from stream.recall import found_in
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from transport.records import Record

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOUND: Final = 2_000
"""Events of a simulated city that records are made of."""

READ: Final = "read"

Reading = Callable[[Sequence[Record]], Counter[str]]
"""What became of records, counted: `READ`, or the reason of the refusal. Whatever it raises is a fault."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Of one topic: `events` are sound ones of what it carries."""

    topic: str
    who: str
    events: Sequence[Event]
    read: Reading


@contextmanager
def readers(wanted: Sequence[str]) -> Iterator[list[Reader]]:
    """Of the topics `wanted`, in a folder of their own that is gone at the end."""
    found: dict[str, list[Event]] = {}
    for topic, event in islice(happenings(1), SOUND):
        found.setdefault(topic, []).append(event)
    with tempfile.TemporaryDirectory(prefix="severity-inbound-") as folder:
        intake = _intake(Path(folder) / "dataset")
        everyone = [
            *(Reader(topic, "trainer: intake", found[topic], intake) for topic in found),
            Reader(topics.PRIORITIES, "scorer: recall", found[topics.PRIORITIES], _recall),
            Reader(topics.MODEL_VERSIONS, "scorer: follower", _versions(), _follower),
            Reader(topics.MODEL_STATUS, "scorer: start", _statuses(), _acknowledged(Path(folder) / "releases")),
            Reader(topics.AUDIT_REQUESTS, "records office", _requests(), _records_office),
        ]
        yield [reader for reader in everyone if reader.topic in wanted]


def _intake(folder: Path) -> Reading:
    intake = Intake(Dataset(folder), _Nobody(), AuditDraw(b"k" * 32, 0.05, 0.1), lambda: NOW)

    def read(records: Sequence[Record]) -> Counter[str]:
        taken = intake.take(records)
        outcomes = Counter({reason: 0 for _, reason in taken.refused})
        for (_, reason), count in taken.refused.items():
            outcomes[reason] += count
        outcomes[READ] = len(taken.events)
        return outcomes

    return read


class _Nobody:
    """Takes what is sent, after making sure that it could be."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        if not all(isinstance(name, str) and isinstance(content, bytes | None) for name, content in headers):
            raise TypeError(f"headers to {topic} that Kafka's client does not take")

    def flush(self) -> None:
        """Nothing waits."""


def _recall(records: Sequence[Record]) -> Counter[str]:
    return Counter("not a priority" if found_in(record) is None else READ for record in records)


def _follower(records: Sequence[Record]) -> Counter[str]:
    """Every announcement is considered; none can be loaded, which is answered."""

    def load(location: str, digest: str, least: int) -> Handover:
        raise ReleaseRefused(Refusal.UNREACHABLE, f"{location[:100]!r} of {digest} is not looked at here ({least})")

    outcomes: Counter[str] = Counter()
    for record in records:
        counted: list[str] = []
        follower = Follower(
            _Told([record]),
            Way(load, _nothing, _unexpected, _told, counted.append),
            HighWater("severity", None, 1),
            Mark,
            name="severity",
            instance="fuzz",
            clock=lambda: NOW,
            retry_seconds=1.0,
        )
        follower.step()
        outcome = counted[0] if counted else "of another model, or no announcement"
        outcomes[READ if outcome == Refusal.UNREACHABLE else outcome] += 1
    return outcomes


class _Told:
    """Announcements that are all there."""

    caught_up = True

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def read(self, most: int, seconds: float) -> Sequence[Record]:
        """All of them."""
        return self._records


def _nothing() -> None:
    pass


def _told(status: ModelStatus) -> None:
    encode(status, source="/x", time=NOW)


def _unexpected(handover: Handover) -> None:
    raise AssertionError("a release that could not be loaded was offered")


def _acknowledged(folder: Path) -> Reading:
    store, nobody = open_store(folder), TrustedKeys({})

    def read(records: Sequence[Record]) -> Counter[str]:
        if acknowledged(records, store, nobody, "severity") != Mark():
            raise AssertionError("a release was believed that nobody signed")
        return _decoded(ModelStatus, records)

    return read


def _records_office(records: Sequence[Record]) -> Counter[str]:
    return _decoded(AuditRequest, records)


def _decoded(kind: type[Event], records: Sequence[Record]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for record in records:
        try:
            decode(kind, record.key, record.value, record.headers)
        except ContractError as error:
            outcomes[error.reason] += 1
        else:
            outcomes[READ] += 1
    return outcomes


def _versions() -> list[Event]:
    return [
        ModelVersion(
            name="severity", role=role, release=release, digest=f"{release:064x}", location=f"file:///r/{release:064x}",
            key_id="0" * 16, signature="A" * 86 + "==", created_at=NOW, expires_at=NOW + timedelta(days=30), rows=9,
            metrics={"accuracy": 0.8}, verdict="better", restores=None if release % 3 else "0" * 64,
        )
        for release in range(1, 20)
        for role in ("champion", "challenger", "release")
    ]  # fmt: skip


def _statuses() -> list[Event]:
    return [
        ModelStatus(
            instance=f"scorer-{release % 4}", name="severity", release=release, digest=f"{release:064x}", at=NOW,
            result="loaded" if release % 3 else "refused", reason=None if release % 3 else "unreachable",
        )
        for release in range(1, 50)
    ]  # fmt: skip


def _requests() -> list[Event]:
    return [
        AuditRequest(agency_id="a", report_id=str(one), request_id=f"{one:032x}", drawn_at=NOW, probability=0.05)
        for one in range(50)
    ]
