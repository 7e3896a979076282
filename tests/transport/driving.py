"""Handlers and drivers that the tests of the loop share."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from transport.backend import Backend
from transport.bounds import Bounds
from transport.loop import Handler, Loop
from transport.observer import Observer, Rebalance
from transport.records import Batch, Outgoing, Partition, Record

SECONDS = 30.0
"""When a loop that should have ended is stopped, so that a test fails and does not hang."""


@dataclass
class Seen(Observer):
    """Remembers what the loop reports, and stops it after `until` records."""

    until: int = 1 << 60
    records: list[Record] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    aborts: list[str] = field(default_factory=list)
    renewals: list[str] = field(default_factory=list)
    changes: list[Rebalance] = field(default_factory=list)
    backlogs: list[Partition] = field(default_factory=list)
    loop: Loop | None = None

    def committed(self, records: Sequence[Record], batch: Batch, seconds: float) -> None:
        self.records += records
        self.sizes.append(len(records))
        self.reasons += [letter.reason for letter in batch.dead_letters]
        if len(self.records) >= self.until and self.loop is not None:
            self.loop.stop()

    def aborted(self, reason: str) -> None:
        self.aborts.append(reason)

    def renewed(self, reason: str) -> None:
        self.renewals.append(reason)

    def rebalanced(self, change: Rebalance, partitions: Sequence[Partition]) -> None:
        self.changes.append(change)

    def backlog(self, partition: Partition, start: int, end: int) -> None:
        self.backlogs.append(partition)


def echo(topic: str) -> Handler:
    """A handler that writes every record to `topic` as it is."""
    return lambda records: Batch([Outgoing(topic, each.key, each.value, each.headers) for each in records])


def drive(backend: Backend, handler: Handler, until: int, *, max_batch: int = 100, seconds: float = SECONDS) -> Seen:
    """Run a loop until it has committed `until` records, for so many seconds at most."""
    seen = Seen(until)
    seen.loop = Loop(backend, handler, bounds=Bounds(max_batch), observer=seen)
    timer = threading.Timer(seconds, seen.loop.stop)
    timer.start()
    try:
        seen.loop.run()
    finally:
        timer.cancel()
    return seen
