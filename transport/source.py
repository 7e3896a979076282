"""Reads a batch as a member of a consumer group: waits in poll() alone, then takes what has already arrived."""

import contextlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from operator import methodcaller
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from transport.ahead import Ahead, Place
from transport.clients import LOGGER
from transport.errors import LoopFailed
from transport.observer import Observer, Rebalance
from transport.probe import LOOK_SECONDS, has_forgotten
from transport.records import Partition, Record
from transport.retry import AWAY, CALL_SECONDS, MOVING, PATIENCE_SECONDS, error_of, persist
from transport.settings import TRANSACTION_SECONDS, KafkaSettings, consumer_properties

HEADERS_LEFT_OUT: Final = "severity.headers_left_out"
"""Header that stands for those of a record which cannot be read."""

COORDINATOR_SECONDS: Final = 5.0
"""How long a member waits for its group's coordinator, to go on or to leave: another takes over within 3 to 5 s, and a
client that has not found it by then may never, where a new one does at once."""

SILENT_SECONDS: Final = TRANSACTION_SECONDS + 2.0
"""How long after it came a partition that is still without a record is looked at: by then any transaction that a dead
worker left is ended, for which the client waits without a word."""

TRIES: Final = 3
"""Times that the broker is asked where to go on before it is thought to have forgotten a transaction: seconds in which
a coordinator that has just started knows its log again."""

NOBODYS: Final = "nobodys"
"""Name of a topic that need not exist, of which no group has an offset."""

_ALL_HEADERS: Final = methodcaller("headers")


class GroupSource:
    """A group's member. Between two reads no callback of the group runs, so a batch in hand stays what it was."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._settings = settings
        # librdkafka's patterns are POSIX's, without groups that do not capture; a plain group matches the same.
        self._topics = [topic.replace("(?:", "(") for topic in topics]
        self._consumer: Consumer | None = None
        self._observer = Observer()
        self._given_up = 0
        self._in_hand: set[Partition] = set()
        self._ahead = Ahead(settings, self._observer)
        self._looked = time.monotonic()
        self._unheard: set[Partition] = set()
        self._new: set[Partition] = set()
        self._assigned_at = 0.0
        self.membership: object = None
        """Who this reader was in the group when it read last; the broker refuses offsets of a former member."""

    def open(self, observer: Observer) -> None:
        """Make the client; `join` comes next, when what was left open is fenced."""
        self._observer = observer
        self._ahead = Ahead(self._settings, observer)
        properties = {
            **consumer_properties(self._settings),
            "error_cb": lambda error: observer.problem(error.str()),
            "logger": LOGGER,
        }
        self._consumer = Consumer(properties)
        self.membership = self._consumer.consumer_group_metadata()

    def join(self) -> None:
        """Become a member of the group."""
        self._opened().subscribe(
            self._topics,
            on_assign=lambda _, places: self._changed("assigned", places),
            on_revoke=lambda _, places: self._changed("revoked", places),
            on_lost=lambda _, places: self._changed("lost", places),
        )

    def partitions(self, topics: Sequence[str] = ()) -> list[Partition]:
        """All that there are of `topics`, names or patterns that begin with `^`; by default, of its own."""
        metadata = persist(
            lambda: self._opened().list_topics(timeout=CALL_SECONDS), "asking for topics", self._observer, also=AWAY
        )
        return [
            (name, partition)
            for name, topic in sorted(metadata.topics.items())
            if is_meant(name, topics or self._topics)
            for partition in sorted(topic.partitions)
        ]

    def await_coordinator(self) -> None:
        """Until the group's coordinator answers, up to `COORDINATOR_SECONDS`. Raises `LoopFailed`, which passes."""
        try:
            self._await_coordinator(self._opened())
        except KafkaException as exception:
            raise LoopFailed("coordinator", error_of(exception).str(), passing=True) from exception

    def committed(self, partitions: Iterable[Partition], tries: int = 1) -> Mapping[Partition, Place] | None:
        """Where the group goes on in these; None when it is not told, a second a try.

        It is not while a transaction that holds offsets has yet to end.
        """
        for _ in range(tries):
            try:
                return self._ask(partitions)
            except KafkaException as exception:
                self._observer.waiting(f"asking where to go on: {error_of(exception).str()}")
        return None

    def read(self, most: int, seconds: float) -> list[Record]:
        """Up to `most` records, waiting up to `seconds` for the first.

        Raises `LoopFailed`, which passes, where a partition came and is not read, or no broker is known any more.
        """
        consumer = self._opened()
        if messages := self._ahead.read(most):
            return self._read_ahead(messages)
        if self._unheard and time.monotonic() > self._assigned_at + SILENT_SECONDS:
            self._listen_to_the_silent()
        message = consumer.poll(seconds)
        if message is None:
            if time.monotonic() > self._looked + LOOK_SECONDS:
                self._looked = time.monotonic()
                if has_forgotten(consumer, self._settings):
                    raise LoopFailed("forgot", "the client knows no broker any more", passing=True)
            return []
        given_up = self._given_up
        messages = [message, *consumer.consume(most - 1, 0)] if most > 1 else [message]
        records = self._taken(messages)
        if given_up != self._given_up or not consumer.memberid():
            # Partitions went away among these very records; whoever has them now may have gone on.
            self.rewind()
            return []
        if self._unheard:
            self._unheard -= self._in_hand
        if self._new:
            self._look(records)
        return self._ahead.left(records)

    def places(self, offsets: Mapping[Partition, int]) -> Mapping[Partition, Place]:
        """What to commit for the last read, or a part of it, when reading goes on at these offsets."""
        places = self._ahead.places(offsets)
        self._opened()  # else another thread left the group meanwhile, and none of this is to be believed
        return places

    def done(self, places: Mapping[Partition, Place]) -> None:
        """These are committed."""
        self._ahead.done(places)

    def rewind(self) -> None:
        """Back to what is committed, in those partitions of the last read that are still this member's.

        All of them, also where only a part of what was read could not be published: the rest is still in hand, too.
        """
        consumer = self._opened()
        if self._ahead.in_hand:
            return self._ahead.rewind(self._in_hand)
        mine = {(place.topic, place.partition) for place in consumer.assignment()}
        if not (wanted := self._in_hand & mine):
            return
        for partition, place in self._insist(wanted, PATIENCE_SECONDS).items():
            try:
                consumer.seek(place.to_seek(partition))
            except KafkaException as exception:
                raise LoopFailed("rewind", error_of(exception).str(), passing=True) from exception

    def store(self, places: Mapping[Partition, Place]) -> None:
        """Note where to go on; the client commits it soon, and when the partition is revoked or the reader closed."""
        for partition, place in places.items():
            try:
                self._opened().store_offsets(offsets=[place.to_commit(partition)])
            except KafkaException as exception:
                # Another member has the partition now and repeats these records: at least once.
                self._observer.problem(error_of(exception).str())

    def commit_stored(self) -> None:
        """Commit what is stored, now."""
        try:
            persist(lambda: self._opened().commit(asynchronous=False), "committing offsets", self._observer)
        except KafkaException as exception:
            if error_of(exception).code() != KafkaError._NO_OFFSET:
                self._observer.problem(error_of(exception).str())

    def lag(self) -> int:
        """Records between the place of reading and the last known end, over all partitions."""
        consumer = self._opened()
        waiting = 0
        for place in consumer.position(consumer.assignment()):
            _, end = consumer.get_watermark_offsets(place, cached=True)
            if place.offset >= 0 and end >= 0:
                waiting += max(end - place.offset - self._ahead.count((place.topic, place.partition)), 0)
        return waiting

    def close(self) -> None:
        """Leave the group; waits some seconds for a coordinator that is away, unless the process is to end.

        The client does not: the next coordinator would then wait for this member's session to end before it gives
        anybody a partition.
        """
        consumer, self._consumer = self._consumer, None
        self._ahead.close()
        if consumer is None:
            return
        if consumer.memberid() and not self._observer.stopping():
            with contextlib.suppress(KafkaException, LoopFailed):
                self._await_coordinator(consumer)
        consumer.close()

    def _read_ahead(self, messages: Sequence[Message]) -> list[Record]:
        """What came after a backlog."""
        records = self._taken(messages)
        if not self._opened().memberid():
            self.rewind()
            return []
        return records

    def _taken(self, messages: Sequence[Message]) -> list[Record]:
        records = [to_record(message) for message in messages if self._good(message)]
        # Taken here and not when offsets are sent: a worker that falls out of its group meanwhile has to be refused.
        self.membership = self._opened().consumer_group_metadata()
        self._in_hand = {(record.topic, record.partition) for record in records}
        return records

    def _look(self, records: Sequence[Record]) -> None:
        """The first records of partitions that came: what is done beyond them, and whether much waits there."""
        firsts: dict[Partition, int] = {}
        for record in records:
            firsts.setdefault((record.topic, record.partition), record.offset)
        heard = self._new & firsts.keys()
        self._new -= heard
        if not heard:
            return
        consumer = self._opened()
        much = False
        for partition, place in self._insist(heard, COORDINATOR_SECONDS).items():
            _, end = consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
            much |= self._ahead.look(consumer, partition, place, firsts[partition], end)
        if much and self._new:
            # Their turn may come late, behind all that was fetched before. Where a transaction still holds their
            # offsets, or a broker is away, they are looked at when they are heard.
            with contextlib.suppress(KafkaException):
                for partition, place in (self.committed(self._new) or {}).items():
                    first, end = consumer.get_watermark_offsets(TopicPartition(*partition), CALL_SECONDS)
                    self._ahead.look(consumer, partition, place, first, end)

    def _insist(self, partitions: Iterable[Partition], seconds: float) -> Mapping[Partition, Place]:
        """As `committed`, asked for so many seconds. Raises `LoopFailed`, which passes."""
        ask = partial(self._ask, partitions)
        try:
            return persist(ask, "asking where to go on", self._observer, seconds, AWAY | MOVING)
        except KafkaException as exception:
            raise LoopFailed("coordinator", error_of(exception).str(), passing=True) from exception

    def _ask(self, partitions: Iterable[Partition]) -> Mapping[Partition, Place]:
        """Where the group goes on, once. Raises KafkaException, also where one of them is not told."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        found = {}
        for place in self._opened().committed(wanted, CALL_SECONDS):
            if place.error is not None:
                raise KafkaException(place.error)
            found[place.topic, place.partition] = Place.of(place)
        return found

    def _listen_to_the_silent(self) -> None:
        """Look, once after they came, whether partitions of which nothing was read are fetched from at all.

        They are not while a transaction holds their offsets, which a broker can forget to end. And librdkafka (2.16,
        its issue 5586) gives up silently when the coordinator moves while it is asked where to go on.
        """
        silent, self._unheard = self._unheard, set()
        places = self.committed(silent, TRIES)
        try:
            for partition, place in (places or {}).items():
                # Where it stands already; refused where nothing is being fetched.
                self._opened().seek(place.to_seek(partition))
        except KafkaException:
            places = None
        if places is None:
            raise LoopFailed("silent", f"nothing is fetched from {sorted(silent)}", passing=True)

    def _await_coordinator(self, consumer: Consumer) -> None:
        # Of a topic that is nobody's: of others it tells nothing while a transaction holds their offsets.
        ask = partial(consumer.committed, [TopicPartition(NOBODYS, 0)], CALL_SECONDS)
        persist(ask, "looking for the group's coordinator", self._observer, COORDINATOR_SECONDS, AWAY | MOVING)

    def _opened(self) -> Consumer:
        if self._consumer is None:
            raise LoopFailed("closed", "the reader is not open")
        return self._consumer

    def _changed(self, change: Rebalance, places: list[TopicPartition]) -> None:
        partitions = [(place.topic, place.partition) for place in places]
        if change == "assigned":
            self._unheard.update(partitions)
            self._new.update(partitions)
            self._assigned_at = time.monotonic()
        else:
            self._unheard.difference_update(partitions)
            self._new.difference_update(partitions)
            self._ahead.end(partitions)
            self._given_up += 1
        self._observer.rebalanced(change, partitions)

    def _good(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal():
            raise LoopFailed("consumer", error.str())
        self._observer.problem(error.str())
        return False


def is_meant(name: str, topics: Sequence[str]) -> bool:
    """Whether a topic's name is one of `topics`, names or patterns that begin with `^`."""
    return any(re.search(topic, name) if topic.startswith("^") else topic == name for topic in topics)


def to_record(message: Message) -> Record:
    """The client's message as a plain tuple."""
    # The client types every field as optional; a message without an error has them.
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        _headers(message),
        message.timestamp()[1],
    )


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    """All of them, or one that says why not: the client fails on a name that is not UTF-8, and the body still counts.

    confluent-kafka 2.16 then sets an error and returns names that are no objects all the same. Python itself notices
    only in calls from C, such as `methodcaller`'s; called directly, the error would come up somewhere later.
    """
    try:
        return tuple(_ALL_HEADERS(message) or ())
    except (UnicodeDecodeError, SystemError):
        return ((HEADERS_LEFT_OUT, b"a header's name is not UTF-8"),)
