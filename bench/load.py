"""The load of a bench: reports with numbers, filed at a steady rate by one process and heard by another.

A report's number is in its id and so in its key, which its priority has too: that is how the two ends are matched. Both
processes read one clock, `time.perf_counter_ns`, which all processes of a machine share.
"""

import gc
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from multiprocessing.connection import Connection
from typing import Final, NamedTuple, Self

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from numpy.typing import NDArray

from bench.child import Child
from schemas.crime_report import CrimeReport
from schemas.envelope import Encoded, encode
from transport.records import Partition
from transport.sender import Sender
from transport.settings import KafkaSettings, reader_properties

Nanoseconds = NDArray[np.int64]

DIGITS: Final = 9
STAND_IN: Final = b"bench-" + b"0" * DIGITS
MOST_TEMPLATES: Final = 10_000
"""Different reports in a load; more only take memory, since every input is met many times by then."""

CALL_SECONDS: Final = 30.0
LISTEN_SECONDS: Final = 0.05
"""Longest wait for a record: until then a request has to wait."""

MOST: Final = 5000


@dataclass(frozen=True, slots=True)
class Load:
    """Reports that can be filed over and over, each time with a number of its own."""

    templates: Sequence[Encoded]

    @classmethod
    def of(cls, reports: Sequence[CrimeReport], now: datetime) -> Self:
        """The first of `reports`, encoded, without drills, whose priorities go elsewhere."""
        real = islice((report for report in reports if report.status == "Actual"), MOST_TEMPLATES)
        named = (report.model_copy(update={"report_id": STAND_IN.decode()}) for report in real)
        return cls([encode(report, source="bench", time=now) for report in named])

    @property
    def mean_bytes(self) -> int:
        """Of a body."""
        return round(sum(len(template.value) for template in self.templates) / len(self.templates))

    def message(self, number: int) -> Encoded:
        """Report `number`, the same whenever it is asked for."""
        key, value, headers = self.templates[number % len(self.templates)]
        own = f"bench-{number:0{DIGITS}d}".encode()
        numbered = [(name, content.replace(STAND_IN, own)) for name, content in headers]
        return Encoded(key.replace(STAND_IN, own), value.replace(STAND_IN, own, 1), numbered)


def number_of(key: bytes) -> int:
    """The number of the report whose key this is."""
    return int(key[-DIGITS:])


def put(kafka: KafkaSettings, topic: str, messages: Iterable[Encoded]) -> None:
    """File all of them as fast as the broker takes them: a backlog."""
    with Sender(kafka.model_copy(update={"client": {**kafka.client, "linger.ms": "20"}})) as sender:
        for message in messages:
            sender.send(topic, *message)


def ends(kafka: KafkaSettings, topics: Sequence[str]) -> dict[Partition, int]:
    """The offset that the next record of each partition of `topics` will have."""
    consumer = Consumer(reader_properties(kafka))
    try:
        known = consumer.list_topics(timeout=CALL_SECONDS).topics
        partitions = [(topic, number) for topic in topics for number in known[topic].partitions]
        return {
            partition: consumer.get_watermark_offsets(TopicPartition(*partition), CALL_SECONDS)[1]
            for partition in partitions
        }
    finally:
        consumer.close()


class Filer(Child):
    """Files reports at a steady rate, each at its own time whether or not those before were answered."""

    def __init__(self, kafka: KafkaSettings, load: Load) -> None:
        super().__init__(_file, kafka.model_copy(update={"client": {**kafka.client, "linger.ms": "0"}}), load)

    def begin(self, topic: str, first: int, count: int, rate: float) -> None:
        """File the reports `first` to `first + count` in `topic`, `rate` a second; returns at once."""
        self.ask((topic, first, count, rate))

    def sent(self) -> Nanoseconds:
        """When each was handed to the client (count,), once all are acknowledged."""
        sent: Nanoseconds = self.answer()
        return sent


class Heard(NamedTuple):
    """When reports' answers arrived (count,), 0 for those that did not; how many came again, of all so far."""

    arrived: Nanoseconds
    again: int


class Listener(Child):
    """Reads what is committed from `places` on and notes when it came, by the report's number."""

    def __init__(self, kafka: KafkaSettings, places: Mapping[Partition, int]) -> None:
        super().__init__(_listen, kafka, places)
        self.answer()  # it listens

    def heard(self, first: int, count: int, patience: float = 30.0) -> Heard:
        """Wait for the answers to `first` to `first + count`, until none has come for `patience` seconds."""
        self.ask((first, count, patience))
        heard: Heard = self.answer()
        return heard


def _file(connection: Connection, kafka: KafkaSettings, load: Load) -> None:
    _no_pauses()
    with Sender(kafka) as sender:
        while True:
            topic, first, count, rate = connection.recv()
            messages = [load.message(number) for number in range(first, first + count)]
            sent = np.zeros(count, dtype=np.int64)
            began = time.perf_counter()
            for place, message in enumerate(messages):
                early = began + place / rate - time.perf_counter()
                if early > 0:
                    time.sleep(early)
                sent[place] = time.perf_counter_ns()
                sender.send(topic, *message)
            sender.flush()
            connection.send(sent)


def _listen(connection: Connection, kafka: KafkaSettings, places: Mapping[Partition, int]) -> None:
    _no_pauses()
    consumer = Consumer({**reader_properties(kafka), "enable.partition.eof": False})
    consumer.assign([TopicPartition(*partition, offset) for partition, offset in places.items()])
    arrived, again, last = np.zeros(0, dtype=np.int64), 0, time.perf_counter_ns()
    wanted: tuple[int, int, float] | None = None
    try:
        connection.send("listening")
        while True:
            first = consumer.poll(LISTEN_SECONDS)
            messages = [first, *consumer.consume(MOST, 0)] if first is not None else []
            now = time.perf_counter_ns()
            for message in messages:
                if message.error() is not None:
                    continue  # the client deals with it
                number = number_of(message.key() or b"")
                if number >= len(arrived):
                    arrived = np.concatenate([arrived, np.zeros(max(number + 1, len(arrived)), dtype=np.int64)])
                again += bool(arrived[number])
                arrived[number], last = arrived[number] or now, now
            if wanted is None and connection.poll():
                wanted, last = connection.recv(), now
            if wanted is not None:
                start, count, patience = wanted
                answers = np.zeros(count, dtype=np.int64)
                known = arrived[start : start + count]
                answers[: len(known)] = known
                if answers.all() or now - last > patience * 1e9:
                    connection.send(Heard(answers, again))
                    wanted = None
    finally:
        consumer.close()


def _no_pauses() -> None:
    """Collections of garbage would be pauses of the bench's own making; nothing here makes cycles."""
    gc.freeze()
    gc.disable()
