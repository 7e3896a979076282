"""Reading for intake: whether the broker still has what the dataset lacks, and batches of a bounded size and age."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from transport.reader import Reader
from transport.records import Partition, Record

LOOK_SECONDS = 0.2
"""Longest wait inside one read, so that a wish to stop is soon heard."""


class WrongBroker(ValueError):
    """The dataset does not go with this broker."""


def missed(reader: Reader, starts: Mapping[Partition, int]) -> dict[Partition, int]:
    """Records that the broker deleted before they were stored, by partition; those where none are missing are left out.

    Raises `WrongBroker` when the dataset has already stored more of a partition than the broker ever held: its offsets
    belong to another cluster, or to a topic that was deleted and made anew, and going on would skip records.
    """
    gone = {}
    for (topic, partition), start in starts.items():
        first, end = reader.watermarks(topic, partition)
        if start > end:
            raise WrongBroker(
                f"the dataset holds {topic}/{partition} up to offset {start}, but the broker's ends at {end}: it is not"
                " the broker that the dataset was filled from. Use another dataset folder, or the right broker"
            )
        if first > start:
            gone[topic, partition] = first - start
    return gone


def gather(reader: Reader, most: int, seconds: float, stopped: Callable[[], bool]) -> list[Record]:
    """What arrives within `seconds`, at most `most` records; fewer when `stopped` comes true."""
    records: list[Record] = []
    deadline = time.monotonic() + seconds
    while len(records) < most and not stopped() and (left := deadline - time.monotonic()) > 0:
        records += reader.read(most - len(records), min(left, LOOK_SECONDS))
    return records


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage meanwhile; as a decorator, until the function has let go of what it made.

    A batch makes hundreds of thousands of objects and no cycles. Looking for some among them, also once at the end
    while they still live, takes a third of the time of storing them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
