"""How large a batch may be: bounded by count, by bytes, and by the time that it takes to be published.

A batch is what has arrived, so it grows with a backlog by itself and shrinks when that is worked off. The bounds keep
it from growing past what a transaction's timeout, the group's patience and memory can bear.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from transport.records import Record

FIRST: Final = 50
"""Records of the first batch: few, since nobody knows yet how slow the handler or the network is."""

MOST_TRIPS: Final = 2
"""Times `seconds` that a transaction's round trips may take beside the records; what is beyond is the handler's. Both
together stay well within a transaction's timeout."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most `records` and `bytes` (keys and values) of one transaction, and the `seconds` its records should take."""

    records: int = 5000
    bytes: int = 16_000_000
    seconds: float = 0.5

    def within(self, records: Sequence[Record]) -> Iterator[Sequence[Record]]:
        """`records` in their order, in parts of at most `bytes`; a record that is larger by itself is alone."""
        start, size = 0, 0
        for place, record in enumerate(records):
            own = len(record.key or b"") + len(record.value or b"")
            if size + own > self.bytes and place > start:
                yield records[start:place]
                start, size = place, 0
            size += own
        yield records[start:] if start else records


ORDINARY: Final = Bounds()


class Pace:
    """How many records to ask for next: twice as many after a full batch that was quick, fewer after a slow one.

    What even a few records take, the round trips of a transaction, is left out: fewer records do not take less of it.
    Else a far network would end in transactions of one record each.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._of_a_few = 0.0
        self.most = min(FIRST, bounds.records)

    def took(self, records: int, seconds: float) -> None:
        """A batch of so many records took so long from its reading to its commit."""
        if records <= FIRST:
            self._of_a_few = min(seconds, MOST_TRIPS * self._bounds.seconds)
        own = seconds - self._of_a_few
        if own > self._bounds.seconds:
            self.most = max(1, int(records * self._bounds.seconds / own))
        elif records >= self.most and own < self._bounds.seconds / 2:
            self.most = min(2 * self.most, self._bounds.records)
