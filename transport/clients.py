"""What all of librdkafka's clients share here: where their log goes, and how a message is handed over."""

import logging
from typing import Final

from confluent_kafka import Producer

from transport.records import Outgoing

LOGGER: Final = logging.getLogger("transport.librdkafka")


def produce(producer: Producer, message: Outgoing) -> None:
    """Queue a message; when the queue is full, serve it until there is room. Raises `KafkaException`."""
    topic, key, value, headers = message
    while True:
        try:
            return producer.produce(topic, value, key, headers=list(headers))
        except BufferError:
            producer.poll(0.1)
