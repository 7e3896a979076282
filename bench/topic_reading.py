"""Reads whole topics as any consumer would, with nothing of ours between: for judging what the scorer left there."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from transport.records import Partition, Record

SECONDS: Final = 60.0
"""How long the end of a topic may be out of a committed reader's reach before that is an error."""


class OutOfReach(Exception):
    """An open transaction keeps readers from the end of a topic, or its broker is away."""


def read_topics(
    bootstrap_servers: str, topics: Sequence[str], start: Mapping[Partition, int] | None = None
) -> Iterator[Record]:
    """Every committed record of `topics` from `start` to the end that stands now, in order within each partition.

    Args:
        start: first offset by partition; a partition that is not named is read from its beginning.

    Raises:
        OutOfReach: the end was not reached within `SECONDS`.
    """
    ends = end_offsets(bootstrap_servers, topics)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "checker",  # librdkafka wants one; it is neither joined nor committed to
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    try:
        places = {partition: (start or {}).get(partition, OFFSET_BEGINNING) for partition in ends}
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in places.items()])
        yield from _until(consumer, {partition: end for partition, end in ends.items() if end > 0})
    finally:
        consumer.close()


def end_offsets(bootstrap_servers: str, topics: Sequence[str]) -> dict[Partition, int]:
    """The offset that the next record of each partition will have, open transactions included."""
    properties = {"bootstrap.servers": bootstrap_servers, "group.id": "checker", "isolation.level": "read_uncommitted"}
    consumer = Consumer({**properties, "log_level": 0})
    try:
        return {
            partition: _persist(consumer, partition) for topic in topics for partition in _partitions(consumer, topic)
        }
    finally:
        consumer.close()


def _partitions(consumer: Consumer, topic: str) -> list[Partition]:
    found = consumer.list_topics(topic, timeout=SECONDS).topics[topic]
    return [(topic, number) for number in sorted(found.partitions)]


def _persist(consumer: Consumer, partition: Partition) -> int:
    """The end of one partition; its leader may be changing."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=5.0)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return int(end)


def _until(consumer: Consumer, ends: dict[Partition, int]) -> Iterator[Record]:
    deadline = time.monotonic() + SECONDS
    while ends:
        for message in consumer.consume(5000, 0.2):
            partition = (message.topic() or "", message.partition() or 0)
            error = message.error()
            offset = message.offset() or 0
            if error is None:
                deadline = time.monotonic() + SECONDS
                # What came after the end that stood when it was looked up is nobody's business here.
                if offset < ends.get(partition, 0):
                    yield _record(message)
                reached = offset + 1 >= ends.get(partition, 0)
            else:
                reached = error.code() == KafkaError._PARTITION_EOF and offset >= ends.get(partition, 0)
            if reached:
                ends.pop(partition, None)
        if time.monotonic() > deadline:
            raise OutOfReach(f"not readable to the end after {SECONDS:.0f} s: {ends}")


def _record(message: Message) -> Record:
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(message.headers() or ()),  # type: ignore[arg-type]  # as read, headers are a list of (str, bytes | None)
        message.timestamp()[1],
    )
