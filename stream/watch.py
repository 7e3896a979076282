"""What the loop reports about each batch, turned into metrics."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from stream.metrics import ScorerMetrics
from stream.processor import Tally
from transport.backend import Backend
from transport.observer import Observer, Rebalance
from transport.records import Batch, Partition, Record

LAG_SECONDS: Final = 1.0
"""How often the lag is looked up."""

logger = logging.getLogger(__name__)


class Watch(Observer):
    """Counts committed batches, measures latency, and calls `assigned` at the first assignment of partitions.

    `alive` is called whenever something went on: a batch was committed, or a broker that is away asked again.

    `wall`: seconds since 1970, the clock that the broker's timestamps are compared with.
    """

    def __init__(
        self,
        metrics: ScorerMetrics,
        wall: Callable[[], float],
        assigned: Callable[[], None],
        alive: Callable[[], None],
    ) -> None:
        self._metrics = metrics
        self._wall = wall
        self._assigned: Callable[[], None] | None = assigned
        self._alive = alive
        self._in_hand_since: float | None = None
        self._tally: Tally | None = None
        self._looked = 0.0

    def began(self, records: Sequence[Record]) -> None:
        """A batch is about to be processed."""
        known = [record.timestamp_ms for record in records if record.timestamp_ms >= 0]
        self._in_hand_since = min(known) / 1000 if known else None

    def processed(self, tally: Tally) -> None:
        """What is counted once the batch is committed; a batch that is processed again replaces it."""
        self._tally = tally

    def look(self, backend: Backend) -> None:
        """Show the lag, now and then."""
        if self._wall() - self._looked > LAG_SECONDS:
            self._looked = self._wall()
            self._metrics.lag.set(backend.lag())

    def committed(self, records: Sequence[Record], batch: Batch, seconds: float) -> None:
        """Count a batch whose priorities can be read."""
        self._alive()
        times = np.fromiter((record.timestamp_ms for record in records), dtype=np.float64, count=len(records))
        self._metrics.latency.observe(self._wall() - times[times >= 0] / 1000)
        if self._tally:
            self._metrics.batch(self._tally)
            self._tally = None
        for letter in batch.dead_letters:
            self._metrics.dead_letters.labels(letter.reason).inc()
        self._in_hand_since = None

    def oldest_unscored_seconds(self) -> float:
        """Age of the oldest report in the batch in hand; 0 when there is none."""
        since = self._in_hand_since
        return 0.0 if since is None else max(0.0, self._wall() - since)

    def aborted(self, reason: str) -> None:
        """A batch is read again."""
        self._metrics.aborted.labels(reason).inc()

    def rebalanced(self, change: Rebalance, partitions: Sequence[Partition]) -> None:
        """Partitions came or went."""
        logger.info("%s: %s", change, ", ".join(f"{topic}/{partition}" for topic, partition in partitions) or "none")
        if change == "assigned" and self._assigned:
            self._assigned()
            self._assigned = None

    def waiting(self, detail: str) -> None:
        """A broker is away, and is asked again."""
        self._alive()
        logger.warning("%s", detail)

    def problem(self, detail: str) -> None:
        """The client deals with it; a person may want to know."""
        logger.warning("%s", detail)
