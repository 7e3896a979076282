"""At least once: publish, wait until everything is delivered, only then note how far the reader has come."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from transport.clients import LOGGER, produce
from transport.errors import Aborted, LoopFailed, TooLarge
from transport.observer import Observer
from transport.records import Outgoing
from transport.retry import CALL_SECONDS, PATIENCE_SECONDS, error_of
from transport.settings import KafkaSettings, producer_properties


class Deliveries:
    """Publishes messages and waits for the brokers to acknowledge them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Producer | None = None
        self._failures: list[KafkaError] = []
        self._observer = Observer()

    def open(self, observer: Observer) -> None:
        """Make the producer."""

        self._observer = observer

        def failed(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._failures.append(error)

        self._producer = Producer(
            {
                **producer_properties(self._settings),
                "error_cb": lambda error: observer.problem(error.str()),
                "on_delivery": failed,
                "logger": LOGGER,
            }
        )

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Returns when all are acknowledged; `Aborted` or `TooLarge` when one was not (others may have been)."""
        producer = self._producer
        if producer is None:
            raise LoopFailed("closed", "the producer is not open")
        self._failures.clear()
        try:
            for message in outgoing:
                produce(producer, message)
        except KafkaException as exception:
            self._failures.append(error_of(exception))
        deadline = time.monotonic() + PATIENCE_SECONDS
        # What flush counts includes the client's own reports, so only a number that stays says that messages do.
        while waiting := producer.flush(CALL_SECONDS):
            self._observer.waiting(f"{waiting} messages are not delivered yet")
            if time.monotonic() > deadline:
                detail = f"{waiting} messages not delivered in {PATIENCE_SECONDS:.0f} s"
                raise LoopFailed("timed-out", detail, passing=True)
        for error in self._failures:
            if error.fatal():
                raise LoopFailed("fatal", error.str())
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise TooLarge("too-large", error.str())
        if self._failures:
            raise Aborted(self._failures[0].name(), self._failures[0].str())

    def serve(self) -> None:
        """Let the producer report while there is nothing to publish."""
        if self._producer is not None:
            self._producer.poll(0)

    def close(self) -> None:
        """Nothing is in flight between two publishes, so there is nothing to wait for."""
        self._producer = None
