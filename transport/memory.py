"""The loop's backend on lists, for tests: shows what was published, what is committed, and fails when told to.

    backend = MemoryBackend({"in": 1, "out": 1})
    backend.put("in", b"key", b"value")
    backend.drain(Loop(backend, handler))
    backend.published("out")

It shows what a transaction promises (all of a batch or nothing of it, read again after an abort) but no groups, no
processes and no network.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

from transport.errors import TooLarge, TransportError
from transport.loop import Loop
from transport.observer import Observer
from transport.records import DEAD_LETTERS, Headers, Outgoing, Partition, Record


class MemoryBackend:
    """Topics with partitions in memory, exactly once. Keeps `Backend`.

    Args:
        topics: name to number of partitions; a topic that it lacks gets one partition when it is first written.
        read: the topics that the loop reads; all of `topics` when None.
        largest: bytes of the largest message that is taken, key and headers included.
    """

    exactly_once = True

    def __init__(
        self, topics: Mapping[str, int], read: Sequence[str] | None = None, *, largest: int = 1_000_000
    ) -> None:
        self._logs: dict[Partition, list[Record]] = {
            (topic, partition): [] for topic, partitions in topics.items() for partition in range(partitions)
        }
        self._partitions = dict(topics)
        self._read = set(topics if read is None else read)
        self._largest = largest
        self._positions: dict[Partition, int] = {}
        self._failures: list[TransportError] = []
        self._at_end: Callable[[], None] = lambda: None
        self.committed: dict[Partition, int] = {}
        """Where reading goes on after a restart."""

    def put(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), *, partition: int | None = None
    ) -> Record:
        """Write one record, now; its timestamp is its offset."""
        count = self._partitions.setdefault(topic, 1)
        place = (topic, zlib.crc32(key or b"") % count if partition is None else partition)
        log = self._logs.setdefault(place, [])
        record = Record(*place, len(log), key, value, tuple(headers), len(log))
        log.append(record)
        return record

    def fail(self, *errors: TransportError) -> None:
        """Let the next publishes fail, each with the next of these errors."""
        self._failures.extend(errors)

    def published(self, topic: str) -> list[Record]:
        """All records of a topic, partition by partition."""
        return [record for (name, _), log in sorted(self._logs.items()) if name == topic for record in log]

    def dead_letters(self, topic: str) -> list[Record]:
        """The dead letters of the topic `topic`."""
        return self.published(f"{topic}{DEAD_LETTERS}")

    def drain(self, loop: Loop) -> None:
        """Run `loop`, which reads from here, until all that is there is read."""
        self._at_end = loop.stop
        loop.run()

    def open(self, observer: Observer) -> None:
        """See `Backend.open`."""
        self._positions = dict(self.committed)
        observer.rebalanced("assigned", sorted(place for place in self._logs if place[0] in self._read))

    def read(self, most: int, seconds: float) -> list[Record]:
        """See `Backend.read`; never waits."""
        records: list[Record] = []
        for place, log in sorted(self._logs.items()):
            if place[0] in self._read and (room := most - len(records)):
                start = self._positions.get(place, 0)
                found = log[start : start + room]
                self._positions[place] = start + len(found)
                records += found
        if not records:
            self._at_end()
        return records

    def publish(self, outgoing: Sequence[Outgoing], offsets: Mapping[Partition, int]) -> None:
        """See `Backend.publish`."""
        if self._failures:
            error = self._failures.pop(0)
            if not isinstance(error, TooLarge):
                self._positions = dict(self.committed)
            raise error
        largest = max(map(_size, outgoing), default=0)
        if largest > self._largest:
            raise TooLarge("too-large", f"{largest} bytes, at most {self._largest} are taken")
        for message in outgoing:
            self.put(*message)
        self.committed.update(offsets)

    def leave(self) -> None:
        """See `Backend.leave`; there are no others."""

    def lag(self) -> int:
        """See `Backend.lag`."""
        return sum(
            len(log) - self._positions.get(place, 0) for place, log in self._logs.items() if place[0] in self._read
        )

    def close(self) -> None:
        """See `Backend.close`."""


def _size(message: Outgoing) -> int:
    headers = sum(len(name) + len(content) for name, content in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers
