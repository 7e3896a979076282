"""The topics: name, event, partitions, cleanup. One agency alone uses the plain names, several `<agency>.` before."""

from collections.abc import Sequence
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


def of_agencies(topic: str, agencies: Sequence[str]) -> tuple[str, ...]:
    """What agencies write to, one each, so that none can speak for another; `topic` itself where there is but one."""
    return tuple(f"{agency}.{topic}" for agency in agencies) or (topic,)


def all_topics(partitions: int = 4, agencies: Sequence[str] = ()) -> tuple[Topic, ...]:
    """Every topic of a deployment; `partitions` for those that carry reports and outcomes.

    agencies: those that share the cluster.
    """
    inbound = [name for topic in (CRIME_REPORTS, SOLVED_CASES) for name in of_agencies(topic, agencies)]
    return (
        *(Topic(name, partitions) for name in inbound),
        *(Topic(dead_letters(name), 1) for name in inbound),
        Topic(PRIORITIES, partitions),
        Topic(PRIORITIES_EXERCISE, 1),
        Topic(MODEL_VERSIONS, 1, compacted=True),
        Topic(MODEL_STATUS, 1, compacted=True),
        Topic(AUDIT_REQUESTS, 1),
    )
