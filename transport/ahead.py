"""Reading what is new before a long backlog: a place in a partition, and what is done beyond it.

A group has one offset a partition. When much waits in one, a second reader, without a group, reads what comes from then
on, and its records are handled in turn with those of the backlog. What it has done is noted in the metadata of the
group's offset, in the same transaction: nothing is lost or done twice when another worker goes on. The backlog's reader
leaves out what it finds done, and from there on all is as ever.

So a record of the backlog comes after one that was written later. Who minds has to notice, as the scorer does by its
reports' revisions, or sets `fresh_first` to 0.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from transport.clients import LOGGER
from transport.records import Partition, Record
from transport.settings import KafkaSettings, reader_properties

_DONE: Final = re.compile(r"done (\d{1,19})-(\d{1,19})")


class Place(NamedTuple):
    """Where a group goes on in a partition: at `offset` (below 0: at its beginning). [start, end) is done, too."""

    offset: int
    start: int = 0
    end: int = 0

    @classmethod
    def of(cls, committed: TopicPartition) -> Self:
        """As the broker has it; metadata that is not ours says nothing."""
        said = _DONE.fullmatch(committed.metadata or "")
        start, end = map(int, said.groups()) if said else (0, 0)
        return cls(committed.offset, start, end) if 0 <= committed.offset <= start <= end else cls(committed.offset)

    def at(self, partition: Partition) -> TopicPartition:
        """As the broker is told; where nothing is left before what is done, that is all as ever."""
        if self.offset == self.start:
            return TopicPartition(*partition, self.end)
        return TopicPartition(*partition, self.offset, f"done {self.start}-{self.end}" if self.start else "")

    def seat(self, partition: Partition) -> TopicPartition:
        """Where its reader goes on."""
        return TopicPartition(*partition, self.offset if self.offset >= 0 else OFFSET_BEGINNING)

    def covers(self, offset: int) -> bool:
        """Whether the records that were read last before `offset` are done."""
        return offset <= self.offset or self.start < offset <= self.end


class Ahead:
    """The second reader. It reads on in a partition until the backlog's reader meets what is done."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: Consumer | None = None
        self._places: dict[Partition, Place] = {}
        self._open: set[Partition] = set()

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._places

    def begin(self, partition: Partition, place: Place, *, reading: bool = True) -> None:
        """Leave out what is done there; with `reading`, read from its end."""
        self._places[partition] = place
        if not reading:
            return
        if self._consumer is None:
            properties = {**reader_properties(self._settings), "enable.partition.eof": False, "logger": LOGGER}
            self._consumer = Consumer(properties)
        self._open.add(partition)
        self._consumer.incremental_assign([TopicPartition(*partition, place.end)])

    def end(self, partitions: Iterable[Partition]) -> None:
        """These are another worker's."""
        for partition in partitions:
            self._places.pop(partition, None)
            self._stop(partition)

    def read(self, most: int) -> list[Message]:
        """What has come, at most `most`; does not wait. None of it is done."""
        if self._consumer is None or not self._open:
            return []
        return [message for message in self._consumer.consume(most, 0) if not self._is_done(message)]

    def left(self, records: list[Record]) -> list[Record]:
        """Of what the backlog's reader has read, what is not done. Where it has come up, this one stops."""
        if not self._places:
            return records
        left = []
        for record in records:
            place = self._places.get((record.topic, record.partition))
            if place is None or record.offset < place.start:
                left.append(record)
            else:
                self._stop((record.topic, record.partition))
                if record.offset >= place.end:
                    left.append(record)
        return left

    def places(self, offsets: Mapping[Partition, int]) -> dict[Partition, Place]:
        """What to commit once the records before these offsets, as the last read had them, are done."""
        return {partition: self._after(partition, offset) for partition, offset in offsets.items()}

    def count(self, partition: Partition) -> int:
        """How many offsets beyond the group's are done."""
        place = self._places.get(partition)
        return place.end - place.start if place else 0

    def done(self, places: Mapping[Partition, Place]) -> list[Partition]:
        """These are committed. Which are read in their order again."""
        known = [partition for partition in places if partition in self._places]
        self._places.update((partition, places[partition]) for partition in known)
        over = [partition for partition in known if not places[partition].start]
        for partition in over:
            del self._places[partition]
        return over

    def rewind(self, partitions: Iterable[Partition]) -> None:
        """Back to the end of what is done."""
        for partition in self._open.intersection(partitions):
            self._stop(partition)
            self.begin(partition, self._places[partition])

    def close(self) -> None:
        """Let go of the connection, and of what is known."""
        consumer, self._consumer = self._consumer, None
        self._places.clear()
        self._open.clear()
        if consumer is not None:
            consumer.close()

    def _after(self, partition: Partition, offset: int) -> Place:
        place = self._places.get(partition)
        if place is None or (offset > place.start and partition not in self._open):
            return Place(offset)
        return place._replace(offset=offset) if offset <= place.start else place._replace(end=offset)

    def _is_done(self, message: Message) -> bool:
        """Whether it is, or nothing is read ahead there any more. An error is nobody's."""
        if message.error() is not None:
            return False
        place = self._places.get((message.topic() or "", message.partition() or 0))
        return place is None or (message.offset() or 0) < place.end

    def _stop(self, partition: Partition) -> None:
        if partition in self._open and self._consumer is not None:
            self._open.discard(partition)
            self._consumer.incremental_unassign([TopicPartition(*partition)])
