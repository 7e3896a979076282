"""A plain producer for those who only write: acknowledged by all replicas, idempotent, and nothing lost in silence."""

import time
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from transport.clients import LOGGER, produce
from transport.errors import NotDelivered
from transport.records import Headers, Outgoing
from transport.retry import CALL_SECONDS, error_of
from transport.settings import KafkaSettings, producer_properties


class Sender:
    """Sends in the background. What was not delivered is told by the next `send`, `flush` or the end of `with`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._failures: list[str] = []
        self.delivered = 0
        """Messages that the brokers have acknowledged."""
        properties = {**producer_properties(settings), "delivery.report.only.error": False}
        self._producer = Producer({**properties, "on_delivery": self._report, "logger": LOGGER})

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Queue one message; waits while the queue is full. Raises `NotDelivered` for this or an earlier one."""
        try:
            produce(self._producer, Outgoing(topic, key, value, headers))
        except KafkaException as exception:
            error = error_of(exception)
            raise NotDelivered(error.name(), f"to {topic}: {error.str()}") from exception
        self._producer.poll(0)
        self._tell()

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything is acknowledged. Raises `NotDelivered` when something was not in that time."""
        deadline = time.monotonic() + seconds
        while (waiting := self._producer.flush(min(CALL_SECONDS, seconds))) and time.monotonic() < deadline:
            pass
        self._tell()
        if waiting:
            raise NotDelivered("timed-out", f"{waiting} messages are not acknowledged after {seconds:g} s")

    def close(self) -> None:
        """Flush, then let go of the connection."""
        self.flush()
        self._producer.close()

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
