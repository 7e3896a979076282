"""Arroyo: a task, a producer, and offsets committed once a second (its own policy): at least once."""

# mypy: ignore-errors
# It runs in an environment of its own, beside trivial.py: its imports are not to be found from here.

import json
from collections.abc import Mapping

from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import build_kafka_configuration, build_kafka_consumer_configuration
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import CommitOffsets, ProcessingStrategyFactory, Produce, RunTask
from arroyo.processing.strategies.abstract import ProcessingStrategy
from arroyo.types import Commit, Message, Partition, Topic
from trivial import end_with_parent, score, settings


def _scored(message: Message[KafkaPayload]) -> KafkaPayload:
    body = json.dumps(score(json.loads(message.payload.value))).encode()
    return KafkaPayload(message.payload.key, body, [])


class _Factory(ProcessingStrategyFactory[KafkaPayload]):
    def __init__(self, producer: KafkaProducer, sink: str) -> None:
        self._producer = producer
        self._sink = Topic(sink)

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        return RunTask(_scored, Produce(self._producer, self._sink, CommitOffsets(commit)))


def main() -> None:
    """Run until standard input closes."""
    given = settings()
    servers = [given["bootstrap"]]
    consumer = KafkaConsumer(build_kafka_consumer_configuration({}, group_id=given["group"], bootstrap_servers=servers))
    producer = KafkaProducer(build_kafka_configuration({}, bootstrap_servers=servers))
    processor = StreamProcessor(consumer, Topic(given["source"]), _Factory(producer, given["sink"]))
    end_with_parent(processor.signal_shutdown)
    processor.run()


if __name__ == "__main__":
    main()
