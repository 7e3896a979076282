"""What the loop reports about each batch, turned into metrics."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from stream.ledger import Ledger, Turned
from stream.metrics import ScorerMetrics
from stream.reading import name_in
from stream.tally import Tally
from transport.backend import Backend
from transport.observer import Observer, Rebalance
from transport.records import Batch, DeadLetter, Partition, Record, next_offsets

LAG_SECONDS: Final = 1.0
"""How often the lag is looked up."""

MANY: Final = 1000
"""Records that wait, of which more are a backlog."""

MOST_SKEW_SECONDS: Final = 60.0
"""By which clocks may differ before it is said."""

MOST_LETTERS: Final = 10
"""Dead letters of a batch that are told one by one: a source gone bad sends thousands."""

logger = logging.getLogger(__name__)


class Watch(Observer):
    """Counts committed batches, measures latency, and calls `assigned` at the first assignment of partitions.

    What a batch teaches is entered in `ledger` when it is committed.

    `alive` is called whenever something went on: a batch was committed, or a broker that is away asked again.

    `wall`: seconds since 1970, the clock that the broker's timestamps are compared with. `stopping`: whether the worker
    is to end. `forget`: what was published is no longer known.
    """

    def __init__(
        self,
        metrics: ScorerMetrics,
        ledger: Ledger,
        wall: Callable[[], float],
        assigned: Callable[[], None],
        alive: Callable[[], None],
        stopping: Callable[[], bool] = lambda: False,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._stopping = stopping
        self._forget = forget
        self._metrics = metrics
        self._ledger = ledger
        self._wall = wall
        self._assigned: Callable[[], None] | None = assigned
        self._alive = alive
        self._in_hand_since: float | None = None
        self._tally: Tally | None = None
        self._looked = 0.0
        self._lag = 0
        self._caught_up = False
        self._clock_off = False
        self._new: set[Partition] = set()
        self._member = False

    def began(self, records: Sequence[Record]) -> None:
        """A batch is about to be processed."""
        self._tally = None
        known = [record.timestamp_ms for record in records if record.timestamp_ms >= 0]
        self._in_hand_since = min(known) / 1000 if known else None

    def processed(self, tally: Tally) -> None:
        """What is counted once the batch is committed; a batch that is processed again replaces it."""
        self._tally = tally

    def look(self, backend: Backend) -> None:
        """Show the lag, now and then."""
        if not 0 <= self._wall() - self._looked <= LAG_SECONDS:  # below 0: the clock was set back
            self._looked = self._wall()
            self._lag = backend.lag()
            self._metrics.lag.set(self._lag)
            self._caught_up = self._lag == 0

    def behind(self) -> bool:
        """Whether many records wait."""
        return self._lag > MANY

    def committed(self, records: Sequence[Record], batch: Batch, seconds: float) -> None:
        """Count a batch whose priorities can be read."""
        self._alive()
        times = np.fromiter((record.timestamp_ms for record in records), dtype=np.float64, count=len(records))
        # Clocks differ: a report may seem to come from the future.
        ages = self._wall() - times[times >= 0] / 1000
        self._metrics.latency.observe(np.maximum(ages, 0.0))
        if self._caught_up and len(ages):  # none waited a moment ago, so these have just come
            self._compare(float(ages.min()))
        self._caught_up = False
        tally, self._tally = self._tally, None
        if tally and len(batch.outputs) < tally.priorities.total():
            tally = Tally(len(records))  # its priorities were too large to be published
        if tally:
            self._metrics.batch(tally)
            self.turned(self._ledger.learn(tally.lesson, next_offsets(records)))
        for letter in batch.dead_letters:
            self._metrics.dead_letters.labels(letter.reason).inc()
        _tell(batch.dead_letters)
        self._in_hand_since = None

    def _compare(self, ahead: float) -> None:
        """Show how far this clock is ahead of the broker's, and say so when that becomes too much, or is mended."""
        self._metrics.clock_ahead.set(ahead)
        off = abs(ahead) > MOST_SKEW_SECONDS
        if off and not self._clock_off:
            logger.warning(
                "this clock is %.0f s %s the broker's: ages and latencies are wrong by as much; synchronise both",
                abs(ahead),
                "ahead of" if ahead > 0 else "behind",
            )
        elif self._clock_off and not off:
            logger.warning("this clock goes with the broker's again")
        self._clock_off = off

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
        self._member = change != "lost"
        if change != "assigned":
            self._new.difference_update(partitions)
            self._ledger.worked_off(partitions)
            return
        self._new.update(partitions)
        if self._assigned:
            self._assigned()
            self._assigned = None

    def backlog(self, partition: Partition, start: int, end: int) -> None:
        """What comes is answered before much that waits."""
        what = "%d records wait in %s/%d: what comes from now on is answered in turn with them"
        logger.info(what, end - start, *partition)
        self._ledger.backlog(partition, end)

    def worked_off(self, partition: Partition) -> None:
        """A partition is read in its order again."""
        logger.info("worked off: %s/%d", *partition)
        self._ledger.worked_off([partition])

    def unassigned(self) -> str | None:
        """None while the group has told which partitions are this worker's, also when there are none left for it."""
        return None if self._member else "the group has given it no partitions yet, or has taken it for dead"

    def first_of(self, records: Sequence[Record]) -> bool:
        """Whether the first record of a partition since its assignment is among `records`; True only once for each."""
        if not self._new:
            return False
        came = self._new.intersection((record.topic, record.partition) for record in records)
        self._new -= came
        return bool(came)

    def turned(self, turned: Turned) -> None:
        """Agencies were marked or unmarked."""
        self._metrics.turned(turned)
        for agency in sorted(turned.bad):
            logger.warning("agency %s is marked: too many of its records are bad; the rest goes to a person", agency)
        for agency in sorted(turned.good):
            logger.warning("agency %s is no longer marked: its reports are scored again", agency)

    def waiting(self, detail: str) -> None:
        """A broker is away, and is asked again."""
        self._alive()
        logger.warning("%s", detail)

    def stopping(self) -> bool:
        """Whether the worker is to end."""
        return self._stopping()

    def reopened(self, reason: str) -> None:
        """All clients are new."""
        self._member = False
        self._metrics.reopened.labels(reason).inc()

    def renewed(self, reason: str) -> None:
        """The producers are new."""
        self._alive()
        self._metrics.reopened.labels(reason).inc()

    def undone(self) -> None:
        """Priorities that were published may be gone."""
        logger.warning("the broker forgot how a transaction ended: it is undone, and its reports are scored again")
        self._forget()

    def problem(self, detail: str) -> None:
        """The client deals with it; a person may want to know."""
        logger.warning("%s", detail)


def _tell(letters: Sequence[DeadLetter]) -> None:
    """Where dead letters came from and whose they are, and nothing of what they say."""
    for letter in letters[:MOST_LETTERS]:
        record, report = letter.record, name_in(letter.record)
        place = f"{record.topic}/{record.partition}@{record.offset}"
        facts = {"reason": letter.reason, "record": place, "report": report}
        logger.warning(
            "dead letter: %s, %s, report %s", letter.reason, place, report or "unknown", extra={"facts": facts}
        )
    if len(letters) > MOST_LETTERS:
        logger.warning("%d more dead letters in the same batch", len(letters) - MOST_LETTERS)
