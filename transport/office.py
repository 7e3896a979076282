"""One of several: work that only one process of many may do at a time, and publish.

Kafka itself chooses who: the candidates are a consumer group of one topic, and whoever is given its first partition
holds the office. It stays with the holder until that ends, is killed, or is not heard of for the session's time; then
Kafka gives it to another. A holder that was only asleep may not know that it has been followed: so it publishes by a
transactional producer whose id is the office's, and whoever takes the office later fences it.
"""

import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from transport.clients import LOGGER, never, produce
from transport.errors import LoopFailed, NotDelivered
from transport.observer import Observer
from transport.records import Headers, Outgoing
from transport.retry import CALL_SECONDS, error_of, persist
from transport.settings import KafkaSettings, consumer_properties, transactional_properties

FENCED: Final = "fenced"
"""Reason of `NotDelivered`: another has taken the office."""

ASLEEP_SECONDS: Final = 900
"""A holder that has not asked whether it still holds the office for so long is stuck, and loses it."""


class Office:
    """Candidacy for the office `name`, by way of `topic`; `with` ends it, which lets another have the office at once.

    The topic's records are of no concern.
    """

    def __init__(self, settings: KafkaSettings, name: str, topic: str) -> None:
        self._settings = settings.for_group(name)
        self._held = False
        properties = {
            **consumer_properties(self._settings),
            # Whatever offsets there are mean nothing.
            "auto.offset.reset": "latest",
            "enable.auto.commit": False,
            "max.poll.interval.ms": ASLEEP_SECONDS * 1000,
        }
        self._consumer = Consumer({**properties, "logger": LOGGER})
        self._consumer.subscribe([topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)

    def held(self) -> bool:
        """Whether this process holds the office, as far as it knows; to be asked often."""
        self._consumer.consume(100, 0)
        return self._held

    def take(self, stopped: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until this process holds the office; False when `stopped` or after `seconds`, None: for ever."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.held():
            if stopped() or (deadline is not None and time.monotonic() > deadline):
                return False
            self._consumer.poll(0.1)
        return True

    def sender(self, stopping: Callable[[], bool] = never) -> "FencingSender":
        """Takes the pen from whoever held the office before, and publishes from now on."""
        return FencingSender(self._settings, f"{self._settings.group_id}-office", stopping)

    def close(self) -> None:
        """Give the office up."""
        self._held = False
        self._consumer.close()

    def _given(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._held |= any(place.partition == 0 for place in partitions)

    def _taken(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._held &= not any(place.partition == 0 for place in partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FencingSender:
    """Publishes what was queued when it is flushed: all of it, or nothing and `NotDelivered`.

    `stopping`: whether the process is to end; a broker that does not answer is then not asked again.
    """

    def __init__(self, settings: KafkaSettings, identity: str, stopping: Callable[[], bool] = never) -> None:
        """Fence every earlier sender of the same identity. Raises `LoopFailed` when no broker does so in time."""
        self._properties = {**transactional_properties(settings, 0), "transactional.id": identity, "logger": LOGGER}
        self._observer = _Ending(stopping)
        self._queue: list[Outgoing] = []
        self._producer: Producer | None = self._open()

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Queue one message."""
        self._queue.append(Outgoing(topic, key, value, headers))

    def flush(self) -> None:
        """Publish what is queued in one transaction. Raises `NotDelivered`, also when another took the office.

        After brokers that did not answer in time nobody knows what became of it: the next flush begins anew.
        """
        queue, self._queue = self._queue, []
        if not queue:
            return
        what = f"{len(queue)} messages, to {queue[0].topic} first"
        producer = self._producer = self._producer or self._open()
        try:
            producer.begin_transaction()
            for message in queue:
                produce(producer, message)
            persist(lambda: producer.commit_transaction(CALL_SECONDS), "committing", self._observer)
        except LoopFailed as failed:
            self._producer = None
            raise NotDelivered(failed.reason, f"{what}: {failed.detail}") from failed
        except KafkaException as exception:
            error = error_of(exception)
            if not error.fatal():  # one that was fenced must stay so
                self._producer = None
            if error.txn_requires_abort():
                with contextlib.suppress(KafkaException, LoopFailed):
                    persist(lambda: producer.abort_transaction(CALL_SECONDS), "aborting", self._observer)
            raise NotDelivered(FENCED if error.fatal() else error.name(), f"{what}: {error.str()}") from exception

    def _open(self) -> Producer:
        producer = Producer(self._properties)
        persist(lambda: producer.init_transactions(CALL_SECONDS), "fencing", self._observer)
        return producer


class _Ending(Observer):
    """Knows whether the process is to end."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def stopping(self) -> bool:
        """As it was told."""
        return self._stopping()
