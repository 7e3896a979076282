"""What can be told of a worker's output without a reader beside it, which would take processor time from it.

Topics that are measured so have the broker's own timestamps (`BROKER_TIME`): when a record was appended. A reader of
committed messages gets it as soon as its transaction ends, some tens of milliseconds later.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from numpy.typing import NDArray

from bench.load import CALL_SECONDS, number_of
from transport.records import Partition
from transport.settings import KafkaSettings, admin_properties, reader_properties

BROKER_TIME: Final[Mapping[str, str]] = {"message.timestamp.type": "LogAppendTime"}

MOST: Final = 5000


class Progress:
    """How far a consumer group has come in one topic, by what it has committed."""

    def __init__(self, kafka: KafkaSettings, group_id: str, topic: str) -> None:
        self._consumer = Consumer(reader_properties(kafka) | {"group.id": group_id})
        known = self._consumer.list_topics(topic, timeout=CALL_SECONDS).topics[topic]
        self._places = [TopicPartition(topic, number) for number in known.partitions]

    def records(self) -> int:
        """Records that are dealt with, all partitions together."""
        return sum(max(place.offset, 0) for place in self._consumer.committed(self._places, timeout=CALL_SECONDS))

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


class Found(NamedTuple):
    """`appended` (count,): milliseconds since 1970 by the broker's clock, 0 where there is none; `again`: repeats."""

    appended: NDArray[np.int64]
    again: int


def read_back(kafka: KafkaSettings, places: Mapping[Partition, int], first: int, count: int) -> Found:
    """Read what is committed from `places` to the end: the answers to the reports `first` to `first + count`."""
    appended, again = np.zeros(count, dtype=np.int64), 0
    consumer = Consumer(reader_properties(kafka))
    try:
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in places.items()])
        open_ends = set(places)
        while open_ends:
            for message in consumer.consume(MOST, 1.0):
                error = message.error()
                if error is None:
                    place = number_of(message.key() or b"") - first
                    again += bool(appended[place])
                    appended[place] = message.timestamp()[1]
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends.discard((message.topic() or "", message.partition() or 0))
    finally:
        consumer.close()
    return Found(appended, again)


def delete_topics(kafka: KafkaSettings, names: Sequence[str]) -> None:
    """Free their place on the disk."""
    with AdminClient(admin_properties(kafka)) as admin:
        for deleted in admin.delete_topics(list(names), request_timeout=CALL_SECONDS).values():
            deleted.result()
