"""Reading what is new before a long backlog: a place in a partition, and what is done beyond it.

A group has one offset a partition. When much waits in one, a second reader, without a group, reads what comes from then
on, and came in the last seconds; its records are handled in turn with those of the backlog. What it has done is noted
in the metadata of the group's offset, in the same transaction: nothing is lost or done twice when another worker goes
on. The backlog's reader leaves out what it finds done, and from there on all is as ever.

So a record of the backlog comes after one that was written later. Who minds has to notice, as the scorer does by its
reports' revisions, or sets `fresh_first` to 0.
"""

import contextlib
import re
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from transport.clients import LOGGER
from transport.errors import LoopFailed
from transport.observer import Observer
from transport.records import Partition, Record
from transport.retry import AWAY, CALL_SECONDS, error_of, persist
from transport.settings import KafkaSettings, reader_properties

FRESH_SECONDS: Final = 5.0
"""What is no older, by the clocks of this machine and the broker, when a worker finds a long backlog is not a part of
it: what was written while the worker was given its partitions."""

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

    def to_commit(self, partition: Partition) -> TopicPartition:
        """As the broker has it; where nothing is left before what is done, the offset alone says all."""
        if self.offset == self.start:
            return TopicPartition(*partition, self.end)
        return TopicPartition(*partition, self.offset, f"done {self.start}-{self.end}" if self.start else "")

    def to_seek(self, partition: Partition) -> TopicPartition:
        """Where its reader goes on."""
        return TopicPartition(*partition, self.offset if self.offset >= 0 else OFFSET_BEGINNING)

    def covers(self, offset: int) -> bool:
        """Whether the records that were read last before `offset` are done."""
        return offset <= self.offset or self.start < offset <= self.end


class Ahead:
    """The second reader. It reads on in a partition until the backlog's reader meets what is done."""

    def __init__(self, settings: KafkaSettings, observer: Observer) -> None:
        self._settings = settings
        self._observer = observer
        self._consumer: Consumer | None = None
        self._places: dict[Partition, Place] = {}
        self._open: set[Partition] = set()
        self.in_hand = False
        """Whether what was read last came from here."""

    def look(self, consumer: Consumer, partition: Partition, place: Place, first: int, end: int) -> bool:
        """A partition has come, with records from `first` to `end`: whether it is read from two places.

        It is where much waits, and where what was done ahead has to be left out. Raises `LoopFailed`, which passes.
        """
        if partition in self._places:
            return True
        place = place if place.offset >= first else place._replace(offset=first)
        if place.end > end and place.end > _end(consumer, partition, self._observer):
            what = "{}/{}: what was done ahead, up to {}, is not in its log any more"
            self._observer.problem(what.format(*partition, place.end))
            place = Place(place.offset)
        if place.start and place.offset > place.start:  # what comes before is deleted by now
            place = place._replace(start=place.offset) if place.offset <= place.end else Place(place.offset)
        most = self._settings.fresh_first
        if most and not place.start and end - place.offset > most:
            new = _last_seconds(consumer, partition, end)
            start = new if new - place.offset > most else end
            place = place._replace(start=start, end=start)
        if not place.start:
            return False
        self._places[partition] = place
        if most:
            self._begin(partition)
        self._observer.backlog(partition, place.offset, place.start)
        return True

    def end(self, partitions: Iterable[Partition]) -> None:
        """These are another worker's."""
        for partition in partitions:
            self._places.pop(partition, None)
            self._stop(partition)

    def read(self, most: int) -> list[Message]:
        """What has come, at most `most`, and none of it done; does not wait. Then it is the backlog's turn."""
        turn, self.in_hand = not self.in_hand, False
        if self._consumer is None or not self._open or not turn:
            return []
        messages = [message for message in self._consumer.consume(most, 0) if not self._is_done(message)]
        self.in_hand = bool(messages)
        return messages

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
        """What to commit once the records before these offsets, as the last read had them, are done.

        Raises `LoopFailed` where they are another worker's by now.
        """
        return {partition: self._after(partition, offset) for partition, offset in offsets.items()}

    def count(self, partition: Partition) -> int:
        """How many offsets beyond the group's are done."""
        place = self._places.get(partition)
        return place.end - place.start if place else 0

    def done(self, places: Mapping[Partition, Place]) -> None:
        """These are committed."""
        for partition, place in places.items():
            if partition in self._places:
                self._places[partition] = place
                if not place.start:
                    del self._places[partition]
                    self._observer.worked_off(partition)

    def rewind(self, partitions: Iterable[Partition]) -> None:
        """Back to the end of what is done."""
        for partition in self._open.intersection(partitions):
            self._stop(partition)
            self._begin(partition)

    def close(self) -> None:
        """Let go of the connection, and of what is known."""
        consumer, self._consumer = self._consumer, None
        self._places.clear()
        self._open.clear()
        if consumer is not None:
            consumer.close()

    def _begin(self, partition: Partition) -> None:
        if self._consumer is None:
            properties = {**reader_properties(self._settings), "enable.partition.eof": False, "logger": LOGGER}
            self._consumer = Consumer(properties)
        self._open.add(partition)
        self._consumer.incremental_assign([TopicPartition(*partition, self._places[partition].end)])

    def _after(self, partition: Partition, offset: int) -> Place:
        place = self._places.get(partition)
        if self.in_hand:
            if place is None:  # never the offset alone: all of the backlog would be left out
                raise LoopFailed("moved", f"{partition} is not read ahead any more", passing=True)
            return place._replace(end=offset)
        return Place(offset) if place is None or offset > place.start else place._replace(offset=offset)

    def _is_done(self, message: Message) -> bool:
        """Whether it is, or is not read here any more. An error is nobody's."""
        if message.error() is not None:
            return False
        partition = message.topic() or "", message.partition() or 0
        place = self._places.get(partition)
        return place is None or partition not in self._open or (message.offset() or 0) < place.end

    def _stop(self, partition: Partition) -> None:
        if partition in self._open and self._consumer is not None:
            self._open.discard(partition)
            self._consumer.incremental_unassign([TopicPartition(*partition)])


def _last_seconds(consumer: Consumer, partition: Partition, end: int) -> int:
    """Where what was written in the last `FRESH_SECONDS` begins; `end` where there is none, or nobody tells."""
    moment = int((time.time() - FRESH_SECONDS) * 1000)
    with contextlib.suppress(KafkaException):
        (found,) = consumer.offsets_for_times([TopicPartition(*partition, moment)], CALL_SECONDS)
        if found.error is None and 0 <= found.offset < end:
            return int(found.offset)
    return end


def _end(consumer: Consumer, partition: Partition, observer: Observer) -> int:
    """Of what can be read there, as its leader says once it knows."""
    ask = partial(consumer.get_watermark_offsets, TopicPartition(*partition), CALL_SECONDS)
    try:
        _, end = persist(ask, "asking for the end", observer, also=AWAY)
    except KafkaException as exception:
        raise LoopFailed("end", error_of(exception).str(), passing=True) from exception
    return int(end)
