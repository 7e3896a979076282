"""A plain producer for those who only write: acknowledged by all replicas, idempotent, and nothing lost in silence."""

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from transport.clients import LOGGER, never, produce
from transport.errors import NotDelivered
from transport.records import Headers, Outgoing
from transport.retry import CALL_SECONDS, error_of
from transport.settings import KafkaSettings, producer_properties

LAST_SECONDS: Final = 4.0
"""What brokers are given, in all, once the process is to end: whoever asked it to kills it after 10 s."""


class Sender:
    """Sends in the background. What was not delivered is told by the next `send`, `flush` or the end of `with`.

    `stopping`: whether the process is to end, after which nothing waits for longer than `LAST_SECONDS`.
    """

    def __init__(self, settings: KafkaSettings, stopping: Callable[[], bool] = never) -> None:
        self._stopping = stopping
        self._last = math.inf
        self._failures: list[str] = []
        self._queued = 0
        self.delivered = 0
        """Messages that the brokers have acknowledged."""
        properties = {**producer_properties(settings), "delivery.report.only.error": False}
        self._producer = Producer({**properties, "on_delivery": self._report, "logger": LOGGER})

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Queue one message; waits while the queue is full. Raises `NotDelivered` for this or an earlier one."""
        try:
            produce(self._producer, Outgoing(topic, key, value, headers), lambda: self._late(math.inf))
        except KafkaException as exception:
            error = error_of(exception)
            raise NotDelivered(error.name(), f"to {topic}: {error.str()}") from exception
        except BufferError as error:
            raise NotDelivered("queue-full", f"to {topic}: {self.undelivered} messages wait already") from error
        self._queued += 1
        self._producer.poll(0)
        self._tell()

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything is acknowledged. Raises `NotDelivered` when something was not in that time."""
        began = time.monotonic()
        while (waiting := self._producer.flush(min(CALL_SECONDS, seconds))) and not self._late(began + seconds):
            pass
        self._tell()
        if waiting:
            waited = time.monotonic() - began
            raise NotDelivered("timed-out", f"{waiting} messages are not acknowledged after {waited:.1f} s")

    @property
    def undelivered(self) -> int:
        """Messages that no broker has acknowledged, also those that were given up; some may have arrived."""
        return self._queued - self.delivered

    def close(self) -> None:
        """Flush, then let go of the connection."""
        self.flush()
        self._producer.close()

    def _late(self, deadline: float) -> bool:
        now = time.monotonic()
        if self._stopping():
            self._last = min(self._last, now + LAST_SECONDS)
        return now >= min(deadline, self._last)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failures.append(f"{error.name()}: to {message.topic()}: {error.str()}")

    def _tell(self) -> None:
        if self._failures:
            failures, self._failures = self._failures, []
            reason, _, detail = failures[0].partition(": ")
            raise NotDelivered(reason, f"{detail} ({len(failures)} messages since the last report)")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
