"""What the loop needs of a broker. Three keep it: real Kafka, the embedded broker, and lists in memory."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from transport.observer import Observer
from transport.records import Outgoing, Partition, Record


class Backend(Protocol):
    """A place to read records from and to publish to. Called by one thread, in this order: open, read and publish
    in turn, close.
    """

    @property
    def exactly_once(self) -> bool:
        """True when outputs and offsets are published together or not at all."""

    def open(self, observer: Observer) -> None:
        """Fence what an earlier run of this slot left open, then begin to read. Raises `LoopFailed`."""

    def read(self, most: int, seconds: float) -> list[Record]:
        """Wait up to `seconds` for a first record, then take what is there already, at most `most`.

        The only call that waits for input. Raises `LoopFailed`.
        """

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """Write `outgoing` and note that reading goes on at `offsets`, which the last `read` covers.

        Raises `Aborted` (what was read last and not yet published is read again), `TooLarge` (nothing was published,
        the caller still has its records and publishes something else in their stead) or `LoopFailed`.
        """

    def leave(self) -> None:
        """Give what is read to others at once. For a watchdog: called on another thread while the loop's own hangs."""

    def lag(self) -> int:
        """Records known to wait in the partitions of this reader. Cheap: nothing is asked of the broker."""

    def close(self) -> None:
        """End cleanly: nothing half done stays open. Never raises because the broker is away."""
