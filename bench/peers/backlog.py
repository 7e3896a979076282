"""A backlog that is there all at once, and how long a warm worker takes for it.

The reports are filed in one transaction: readers of committed messages, as all the peers are, get the whole of it in
the moment of its commit. While the worker works nothing else is read; only the offset up to which its output is
committed is asked for, and the outputs are read, counted and matched with those times afterwards.
"""

import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
from confluent_kafka import Producer
from numpy.typing import NDArray

from bench.load import Load, number_of
from bench.peers.roster import Peer
from transport.clients import produce
from transport.reader import Reader
from transport.records import Outgoing
from transport.settings import KafkaSettings, producer_properties

LOOK_SECONDS: Final = 0.01
QUIET_SECONDS: Final = 0.3
"""Outputs are counted when there may be enough of them and none was added for this long."""

READ_SECONDS: Final = 1.0
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
    """Up to where a topic's partitions are committed, at each look."""

    def __init__(self, reader: Reader, topic: str, partitions: int) -> None:
        self._reader, self._topic, self._partitions = reader, topic, partitions
        self._ends: dict[int, list[int]] = defaultdict(list)
        self._times: dict[int, list[float]] = defaultdict(list)

    def look(self) -> int:
        """Ask now; the sum over all partitions, to see whether something was added."""
        total = 0
        for partition in range(self._partitions):
            end = self._reader.watermarks(self._topic, partition)[1]
            self._ends[partition].append(end)
            self._times[partition].append(time.perf_counter())
            total += end
        return total

    def seen(self, partition: int, offset: int) -> float:
        """When the record at `offset` was first within what is committed; the last look if later than that."""
        index = bisect_right(self._ends[partition], offset)
        return self._times[partition][min(index, len(self._times[partition]) - 1)]


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


def work_off(
    kafka: KafkaSettings, peer: Peer, load: Load, first: int, count: int, *, partitions: int, patience: float
) -> WorkedOff:
    """File a backlog for a running peer and wait until it is worked off or nothing comes for `patience` seconds."""
    with Reader(kafka, [peer.sink], start="end") as reader:
        while not reader.caught_up:
            reader.read(1000, 0.05)
        ends = Ends(reader, peer.sink, partitions)
        enough = ends.look() + count
        asked = file_at_once(kafka, peer.source, load, first, count)
        arrived: Seconds = np.zeros(count)
        repeated = 0
        while not arrived.all():
            total = _wait(ends, enough, patience)
            if total is None:
                break
            repeated += _read(reader, ends, arrived, first)
            enough = total + 1  # what transactions add beside their records had made it look like enough
    return WorkedOff(float(arrived.max() - asked), int(np.count_nonzero(arrived == 0)), repeated)


def _wait(ends: Ends, enough: int, patience: float) -> int | None:
    """The sum of ends once it is `enough` and quiet; None when it is quiet for `patience` seconds before that."""
    total, grown = -1, time.perf_counter()
    while True:
        now, seen = time.perf_counter(), ends.look()
        if seen > total:
            total, grown = seen, now
        elif now - grown > (QUIET_SECONDS if total >= enough else patience):
            return total if total >= enough else None
        time.sleep(LOOK_SECONDS)


def _read(reader: Reader, ends: Ends, arrived: Seconds, first: int) -> int:
    """Note the outputs that are there; how many of them were noted already. Those of earlier turns do not count."""
    repeated = 0
    heard = time.perf_counter()
    while not arrived.all() and time.perf_counter() - heard < READ_SECONDS:
        for record in reader.read(5000, 0.05):
            heard = time.perf_counter()
            index = number_of(record.key or b"") - first
            if index >= 0:
                repeated += bool(arrived[index])
                arrived[index] = arrived[index] or ends.seen(record.partition, record.offset)
    return repeated
