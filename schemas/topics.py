"""The topics: name, event, partitions, cleanup. One agency alone uses the plain names."""

from dataclasses import dataclass
from typing import Final

CRIME_REPORTS: Final = "crime-reports"
PRIORITIES: Final = "priorities"
PRIORITIES_EXERCISE: Final = "priorities-exercise"
SOLVED_CASES: Final = "solved-cases"
MODEL_VERSIONS: Final = "model-versions"
MODEL_STATUS: Final = "model-status"
AUDIT_REQUESTS: Final = "audit-requests"


def dead_letters(topic: str) -> str:
    """Name of the topic that holds the dead letters of `topic`."""
    return f"{topic}.dlq"


@dataclass(frozen=True, slots=True)
class Topic:
    """How a topic is made."""

    name: str
    partitions: int
    compacted: bool = False


def all_topics(partitions: int = 4) -> tuple[Topic, ...]:
    """Every topic of a deployment; `partitions` for those that carry reports and outcomes."""
    return (
        Topic(CRIME_REPORTS, partitions),
        Topic(dead_letters(CRIME_REPORTS), 1),
        Topic(PRIORITIES, partitions),
        Topic(PRIORITIES_EXERCISE, 1),
        Topic(SOLVED_CASES, partitions),
        Topic(dead_letters(SOLVED_CASES), 1),
        Topic(MODEL_VERSIONS, 1, compacted=True),
        Topic(MODEL_STATUS, 1, compacted=True),
        Topic(AUDIT_REQUESTS, 1),
    )
