"""A reader without a group: its caller says where it starts and keeps its place."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin._metadata import ClusterMetadata

from transport.clients import LOGGER, never
from transport.errors import LoopFailed, NoBroker
from transport.handshake import refused_certificates
from transport.observer import Observer
from transport.probe import LOOK_SECONDS, is_answered
from transport.records import Partition, Record
from transport.retry import AWAY, CALL_SECONDS, error_of, persist
from transport.settings import KafkaSettings, reader_properties
from transport.source import is_meant, to_record


class Last(NamedTuple):
    """The last `records`, in equal parts from every partition; nothing before the offsets in `since`.

    A transaction's marker takes a place like a record, so there may be fewer.
    """

    records: int
    since: Mapping[Partition, int] = {}


Start = Literal["beginning", "end"] | datetime | Mapping[Partition, int] | Last

T = TypeVar("T")

START_SECONDS: Final = 5.0
"""How long a broker may take to answer for the first time."""

MOST: Final = 1000
"""Records of one read of the rest."""


class Reader:
    """Reads committed records of whole topics, all partitions, in order within each.

    Args:
        settings: how to reach Kafka; the group is not joined and nothing is committed.
        topics: names, or patterns that begin with `^`, for which new topics are noticed too.
        start: where to begin. A datetime means the first record at or after it, by the broker's timestamps; a mapping
            gives offsets, and a partition that it lacks starts at its beginning, as does one that appears later.
        observer: hears of a broker that is asked again.

    Raises:
        NoBroker: none answered at the start.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        start: Start = "beginning",
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._observer = observer
        self._starts: dict[Partition, int] = {}
        self._ended: dict[Partition, bool] = {}
        self._places: dict[Partition, int] = {}
        self._consumer = self._new_consumer()
        self._looked = time.monotonic()
        try:
            self._assign(self._begins(self._found_at_start(), start))
        except (KafkaException, LoopFailed) as error:
            self._consumer.close()
            said = error.detail if isinstance(error, LoopFailed) else error_of(error).str()
            why = refused_certificates(settings) or said
            raise NoBroker("unreachable", f"{settings.bootstrap_servers}: {why}") from error
        except BaseException:
            self._consumer.close()
            raise

    @property
    def caught_up(self) -> bool:
        """True when the end of every partition has been met and nothing was read since."""
        return all(self._ended.values())

    @property
    def places(self) -> Mapping[Partition, int]:
        """How far each partition has been read: past its last record, and past markers where its end has been met.

        A partition of which nothing has come yet is missing.
        """
        return self._places

    def ends(self) -> Mapping[Partition, int] | None:
        """Where each partition ends, with what open transactions wrote, as it was when last asked for records.

        Reading stops before the first open transaction, so `places` may stay behind. None until all have answered.
        """
        ends = {
            partition: self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)[1]
            for partition in self._ended
        }
        return ends if all(end >= 0 for end in ends.values()) else None

    def read(self, most: int, seconds: float) -> list[Record]:
        """Wait up to `seconds` for a first record, then take what is there already, at most `most`."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        records = []
        for message in [first, *self._consumer.consume(most - 1, 0)] if most > 1 else [first]:
            error = message.error()
            if error is None:
                record = to_record(message)
                partition = record.topic, record.partition
                self._ended[partition] = False
                self._places[partition] = record.offset + 1
                records.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                partition = message.topic() or "", message.partition() or 0
                self._ended[partition] = True
                self._places[partition] = message.offset() or 0
            elif error.fatal():
                raise LoopFailed("reader", error.str())
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                # Else it would wait for ever for what it may not have; `severity acls apply` mends it.
                raise LoopFailed("not-allowed", f"reading {message.topic()}: {error.str()}")
        return records

    def rest(self, stopping: Callable[[], bool] = never) -> Iterator[Record]:
        """What there is up to the end of every partition; waits for brokers that are away.

        Raises `NoBroker` when the process is to end before that is read.
        """
        while not self.caught_up:
            if stopping():
                raise NoBroker("stopped", f"asked to end before all of {', '.join(self._topics)} was read")
            yield from self.read(MOST, CALL_SECONDS)

    def lag(self) -> int:
        """Records between the place of reading and the end, as far as known; asks the broker for nothing."""
        behind = [TopicPartition(*partition) for partition, ended in self._ended.items() if not ended]
        waiting = 0
        for place in self._consumer.position(behind):
            low, high = self._consumer.get_watermark_offsets(place, cached=True)
            waiting += max(high - max(place.offset, low, 0), 0)
        return waiting

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset that is kept, and the one after the last that can be read now. Asks the broker."""
        place = TopicPartition(topic, partition)
        low, high = self._persist(
            lambda: self._consumer.get_watermark_offsets(place, CALL_SECONDS), "asking for watermarks"
        )
        return low, high

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _found_at_start(self) -> list[Partition]:
        """Partitions that exist. A busy broker may take longer than one call for a first handshake by TLS and SCRAM."""
        ask = partial(self._consumer.list_topics, timeout=CALL_SECONDS)
        return self._missing_of(persist(ask, "asking for topics", self._observer, START_SECONDS, AWAY))

    def _missing_of(self, metadata: ClusterMetadata) -> list[Partition]:
        return [
            (name, partition)
            for name, topic in sorted(metadata.topics.items())
            if is_meant(name, self._topics)
            for partition in sorted(topic.partitions)
            if (name, partition) not in self._ended
        ]

    def _look(self) -> None:
        """Read new partitions, too, from their beginning. A broker that is away now will tell of them the next time.

        A client that is not answered where a new one is goes on as a new one (see `transport.probe`).
        """
        try:
            found = self._consumer.list_topics(timeout=CALL_SECONDS)
        except KafkaException as exception:
            error = error_of(exception)
            if not (error.retriable() or error.code() in AWAY):
                raise
            if self._observer:
                self._observer.waiting(f"asking for topics: {error.str()}")
            if is_answered(self._settings):
                self._consumer.close()
                self._consumer = self._new_consumer()
                self._assign({**self._starts, **self._places})
            return
        self._assign(dict.fromkeys(self._missing_of(found), OFFSET_BEGINNING))

    def _begins(self, partitions: Sequence[Partition], start: Start) -> dict[Partition, int]:
        if isinstance(start, datetime):
            moment = int(start.timestamp() * 1000)
            asked = [TopicPartition(*partition, moment) for partition in partitions]
            found = self._persist(lambda: self._consumer.offsets_for_times(asked, CALL_SECONDS), "asking for offsets")
            return {(place.topic, place.partition): place.offset for place in found}
        if isinstance(start, Last):
            return {partition: self._tail(partition, start, len(partitions)) for partition in partitions}
        if isinstance(start, Mapping):
            return {partition: start.get(partition, OFFSET_BEGINNING) for partition in partitions}
        return dict.fromkeys(partitions, OFFSET_BEGINNING if start == "beginning" else OFFSET_END)

    def _tail(self, partition: Partition, last: Last, partitions: int) -> int:
        low, high = self.watermarks(*partition)
        return max(low, high - last.records // partitions, last.since.get(partition, 0))

    def _persist(self, call: Callable[[], T], what: str) -> T:
        return persist(call, what, self._observer)

    def _assign(self, places: Mapping[Partition, int]) -> None:
        if places:
            self._consumer.incremental_assign([TopicPartition(*place, offset) for place, offset in places.items()])
            self._ended.update(dict.fromkeys(places, False))
            self._starts.update(places)

    def _new_consumer(self) -> Consumer:
        return Consumer({**reader_properties(self._settings), "logger": LOGGER})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
