"""Holds every record of `crime-reports` against the priorities that name it: for a deployment that runs, from outside.

    python -m bench.account

reads both to their ends, waits for answers that are under way, and prints one JSON object. It knows nothing of what was
sent; `bench.checking` does, and judges more.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from bench.checking import Place
from bench.topic_reading import read_topics
from schemas import topics
from transport.records import Record
from transport.settings import KafkaSettings

PATIENCE_SECONDS: Final = 60.0
"""How long a report that is there may wait for its priority: a killed worker's partitions move first."""

LOOK_SECONDS: Final = 0.5
"""Between two looks at what was answered; each reads the topics anew."""

ANSWERS: Final = (topics.PRIORITIES, topics.PRIORITIES_EXERCISE)


class Account(NamedTuple):
    """Counts of records; `first_priority` in seconds since the epoch by the broker's clock, NaN without any."""

    reports: int
    priorities: int
    unanswered: int
    doubled: int
    """Priorities beyond the first for one report."""
    strays: int
    """Priorities for no report that is there."""
    first_priority: float


def account(reports: Iterable[Record], answers: Iterable[Record]) -> Account:
    """Compare. Answers to what came after `reports` was read count as strays: they mean nothing while reports come."""
    places: set[Place] = {(each.topic, each.partition, each.offset) for each in reports}
    counts: Counter[Place] = Counter()
    times = []
    for each in answers:
        source = json.loads(each.value or b"{}")["source"]
        counts[source["topic"], source["partition"], source["offset"]] += 1
        times.append(each.timestamp_ms / 1000)
    return Account(
        reports=len(places),
        priorities=counts.total(),
        unanswered=len(places - counts.keys()),
        doubled=sum(count - 1 for count in counts.values()),
        strays=len(counts.keys() - places),
        first_priority=min(times, default=float("nan")),
    )


def settled(bootstrap_servers: str) -> Account:
    """The account once every report that was there at the beginning is answered, or patience ends."""
    began = time.monotonic()
    reports = list(read_topics(bootstrap_servers, [topics.CRIME_REPORTS]))
    while True:
        answers = list(read_topics(bootstrap_servers, ANSWERS))
        found = account(reports, answers)
        if not found.unanswered or time.monotonic() - began > PATIENCE_SECONDS:
            return found
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    print(json.dumps(settled(KafkaSettings().bootstrap_servers)._asdict()))
