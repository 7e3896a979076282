"""What all of librdkafka's clients share here: where their log goes, and how a message is handed over."""

import logging
from collections.abc import Callable
from typing import Final

from confluent_kafka import Producer

from transport.records import Outgoing

LOGGER: Final = logging.getLogger("transport.librdkafka")


def never() -> bool:
    """Of what is never so."""
    return False


def produce(producer: Producer, message: Outgoing, given_up: Callable[[], bool] = never) -> None:
    """Queue a message; when the queue is full, serve it until there is room.

    Raises `KafkaException`, and `BufferError` where there is no room and it is `given_up`.
    """
    topic, key, value, headers = message
    while True:
        try:
            return producer.produce(topic, value, key, headers=list(headers))
        except BufferError:
            if given_up():
                raise
            producer.poll(0.1)
