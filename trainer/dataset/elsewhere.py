"""Where a report lives that no command of ours can take it from: Kafka keeps its records for a while."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from schemas import topics
from transport.reader import Reader
from transport.records import Record
from transport.retention import retention_ms
from transport.settings import KafkaSettings

NAMES: Final = (
    topics.CRIME_REPORTS,
    topics.PRIORITIES,
    topics.PRIORITIES_EXERCISE,
    topics.SOLVED_CASES,
    topics.AUDIT_REQUESTS,
)
PATTERN: Final = rf"^([a-z0-9-]+\.)?({'|'.join(NAMES)})(\.dlq)?$"
"""Every topic whose records may be about a report, also each agency's own, and their dead letters."""

READ: Final = 5000
"""Records taken at a time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Records of one partition. `retention_ms`: how long the topic keeps a record; -1 for ever, None: not told."""

    topic: str
    partition: int
    offsets: tuple[int, ...]
    retention_ms: int | None


def elsewhere(kafka: KafkaSettings, agency_id: str, report_id: str) -> list[Place]:
    """Every record about the report that Kafka holds, by its key or, without a key, by its body. Reads all topics.

    Raises `NoBroker` when no broker answers.
    """
    key = f"{agency_id}/{report_id}".encode()
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    with Reader(kafka, [PATTERN]) as reader:
        while not reader.caught_up:
            for record in reader.read(READ, 1.0):
                if _is_of(record, key, report_id.encode()):
                    found[record.topic, record.partition].append(record.offset)
    kept = retention_ms(kafka, sorted({topic for topic, _ in found}))
    return [Place(topic, number, tuple(offsets), kept[topic]) for (topic, number), offsets in sorted(found.items())]


def _is_of(record: Record, key: bytes, report_id: bytes) -> bool:
    return record.key == key or (record.key is None and report_id in (record.value or b""))
