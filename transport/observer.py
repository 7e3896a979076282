"""What can be watched about the loop, without a metrics library in this package."""

from collections.abc import Sequence
from typing import Literal

from transport.records import Batch, Partition, Record

Rebalance = Literal["assigned", "revoked", "lost"]


class Observer:
    """Does nothing: override what is of interest. Called on the loop's own thread, so keep it short.

    `problem` alone may come from another one: that of a call which the loop waits for, or has left behind.
    """

    def committed(self, records: Sequence[Record], batch: Batch, seconds: float) -> None:
        """A batch is done: committed, or at least once delivered. `seconds` since its last record was read."""

    def aborted(self, reason: str) -> None:
        """A transaction was aborted; its records are read again."""

    def rebalanced(self, change: Rebalance, partitions: Sequence[Partition]) -> None:
        """Partitions came, were given back, or were lost to others while this worker was out of touch."""

    def backlog(self, partition: Partition, start: int, end: int) -> None:
        """So much waits in a partition that came: what is written from `end` on is read in turn with it."""

    def worked_off(self, partition: Partition) -> None:
        """A backlog; the partition is read in its order again."""

    def waiting(self, detail: str) -> None:
        """A broker did not answer in time and is asked again: for the whole of an outage, about once a second."""

    def stopping(self) -> bool:
        """Whether the worker is to end: a broker that does not answer is then not asked again."""
        return False

    def reopened(self, reason: str) -> None:
        """All clients were made anew, since with the old ones it could not go on."""

    def renewed(self, reason: str) -> None:
        """The producers were made anew, since with the old ones it could not go on; no partition was given up."""

    def undone(self) -> None:
        """What was published last may have been undone, also where `committed` was called: its records come again."""

    def problem(self, detail: str) -> None:
        """The client reports something that it deals with by itself, such as a broker that is away."""
