"""A backlog that is there all at once, and how long a warm worker takes for it.

The reports are filed in one transaction: readers of committed messages, as all the peers are, get the whole of it in
the moment of its commit. While the worker works nothing else is read; only the offset up to which its output is
committed is asked for, and the outputs are read, counted and matched with those times afterwards.
"""

import time
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from bench.load import CALL_SECONDS, Load, ends, number_of
from bench.peers.roster import Peer
from transport.clients import produce
from transport.reader import Reader
from transport.records import Outgoing, Partition
from transport.settings import KafkaSettings, producer_properties, reader_properties

LOOK_SECONDS: Final = 0.01
QUIET_SECONDS: Final = 0.3
"""Outputs are counted when there may be enough of them and none was added for this long."""

READ_SECONDS: Final = 5.0
"""Reading ends when nothing came for this long."""

TRANSACTION_MS: Final = 120_000


Seconds = NDArray[np.float64]
"""Of `time.perf_counter`, by number of the report; 0: not yet."""


@dataclass(frozen=True, slots=True)
class WorkedOff:
    """How a backlog ended: seconds from its commit to the commit of its last output, lost ones and repeated ones."""

    seconds: float
    lost: int
    doubled: int


class Ends:
    """Up to where `partitions` are committed, at each look."""

    def __init__(self, kafka: KafkaSettings, partitions: Iterable[Partition]) -> None:
        self._consumer = Consumer(reader_properties(kafka))
        self._ends: dict[Partition, list[int]] = {partition: [] for partition in partitions}
        self._times: dict[Partition, list[float]] = {partition: [] for partition in self._ends}

    def look(self) -> int:
        """Ask now; the sum over all partitions, to see whether something was added."""
        for partition, known in self._ends.items():
            known.append(self._consumer.get_watermark_offsets(TopicPartition(*partition), CALL_SECONDS)[1])
            self._times[partition].append(time.perf_counter())
        return sum(known[-1] for known in self._ends.values())

    def seen(self, partition: Partition, offset: int) -> float:
        """When the record at `offset` was first within what is committed; the last look if later than that."""
        index = bisect_right(self._ends[partition], offset)
        times = self._times[partition]
        return times[min(index, len(times) - 1)]

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def file_at_once(kafka: KafkaSettings, topic: str, load: Load, first: int, count: int) -> float:
    """File `count` reports in one transaction; when its commit was asked for, in seconds of `time.perf_counter`."""
    transactional = {"transactional.id": "peers-backlog", "transaction.timeout.ms": TRANSACTION_MS, "linger.ms": 5}
    producer = Producer({**producer_properties(kafka), **transactional})
    producer.init_transactions(30.0)
    producer.begin_transaction()
    for number in range(first, first + count):
        produce(producer, Outgoing(topic, *load.message(number)))
        producer.poll(0)
    producer.flush()
    asked = time.perf_counter()
    producer.commit_transaction()
    return asked


def work_off(kafka: KafkaSettings, peer: Peer, load: Load, first: int, count: int, patience: float) -> WorkedOff:
    """File a backlog for a running peer and wait until it is worked off or nothing comes for `patience` seconds."""
    before = ends(kafka, [peer.sink])
    with closing(Ends(kafka, before)) as looking:
        enough = looking.look() + count
        asked = file_at_once(kafka, peer.source, load, first, count)
        total = _wait(looking, enough, patience)
        arrived: Seconds = np.zeros(count)
        repeated = 0
        with Reader(kafka, [peer.sink], start=before) as reader:
            while total is not None:
                repeated += _read(reader, looking, arrived, first)
                if arrived.all():
                    break
                # What transactions add beside their records had made it look like enough.
                total = _wait(looking, total + 1, patience)
    return WorkedOff(float(arrived.max() - asked), int(np.count_nonzero(arrived == 0)), repeated)


def _wait(looking: Ends, enough: int, patience: float) -> int | None:
    """The sum of ends once it is `enough` and quiet; None when it is quiet for `patience` seconds before that."""
    total, grown = -1, time.perf_counter()
    while True:
        now, seen = time.perf_counter(), looking.look()
        if seen > total:
            total, grown = seen, now
        elif now - grown > (QUIET_SECONDS if total >= enough else patience):
            return total if total >= enough else None
        time.sleep(LOOK_SECONDS)


def _read(reader: Reader, looking: Ends, arrived: Seconds, first: int) -> int:
    """Note the outputs that are there; how many of them were noted already. Those of earlier turns do not count."""
    repeated = 0
    heard = time.perf_counter()
    while not arrived.all() and time.perf_counter() - heard < READ_SECONDS:
        for record in reader.read(5000, 0.05):
            heard = time.perf_counter()
            index = number_of(record.key or b"") - first
            if index >= 0:
                repeated += bool(arrived[index])
                arrived[index] = arrived[index] or looking.seen((record.topic, record.partition), record.offset)
    return repeated
