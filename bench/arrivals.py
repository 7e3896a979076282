"""A reader of committed priorities that notes when each arrived: the dispatcher's view of what goes on."""

import threading
import time
from array import array
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from numpy.typing import NDArray

from bench.load import number_of
from bench.topic_reading import end_offsets
from schemas import topics

LISTEN_SECONDS: Final = 0.05


class Gap(NamedTuple):
    """A time, in seconds of `time.perf_counter()`, in which nothing arrived from one partition of `priorities`."""

    partition: int
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Arrivals:
    """While entered: reads both topics of priorities from where they end now, on a thread of its own."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._places = end_offsets(bootstrap_servers, [topics.PRIORITIES, topics.PRIORITIES_EXERCISE])
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "arrivals",  # librdkafka wants one; it is neither joined nor committed to
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        self._times, self._numbers, self._partitions = array("d"), array("q"), array("q")
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    @property
    def count(self) -> int:
        """Priorities so far."""
        return len(self._partitions)

    @property
    def times(self) -> NDArray[np.float64]:
        """When each arrived (count,)."""
        return np.array(self._times[: self.count])

    def gaps(self, since: float, until: float, at_least: float = 0.1) -> list[Gap]:
        """Times of `at_least` so many seconds between two arrivals from one partition; drills are too rare to tell."""
        count = self.count
        times, partitions = np.array(self._times[:count]), np.array(self._partitions[:count])
        found = []
        for partition in sorted(number for topic, number in self._places if topic == topics.PRIORITIES):
            own = times[(partitions == partition) & (times > since) & (times < until)]
            edges = np.concatenate([[since], own, [until]])
            found += [
                Gap(partition, float(edges[place]), float(edges[place + 1]))
                for place in np.flatnonzero(np.diff(edges) >= at_least)
            ]
        return found

    def waits(self, filed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds from the filing of report 0, 1, … (n,) to its first arrival; NaN for one that did not arrive."""
        count = self.count
        arrived = np.full(len(filed), np.nan)
        numbers, times = np.array(self._numbers[:count]), np.array(self._times[:count])
        known = numbers < len(filed)
        arrived[numbers[known][::-1]] = times[known][::-1]  # the first one is written last
        return arrived - filed

    def _run(self) -> None:
        self._consumer.assign([TopicPartition(*partition, offset) for partition, offset in self._places.items()])
        while not self._leaving.is_set():
            first = self._consumer.poll(LISTEN_SECONDS)
            messages = [first, *self._consumer.consume(5000, 0)] if first is not None else []
            now = time.perf_counter()
            for message in messages:
                if message.error() is None:
                    self._times.append(now)
                    self._numbers.append(number_of(message.key() or b""))
                    self._partitions.append((message.partition() or 0) if message.topic() == topics.PRIORITIES else -1)
        self._consumer.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()
