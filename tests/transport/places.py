"""One way to write tests for memory, the embedded broker and real Kafka."""

import time
import uuid
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from transport.backend import Backend
from transport.embedded import EmbeddedBroker
from transport.errors import Aborted
from transport.kafka import kafka_backend
from transport.memory import MemoryBackend
from transport.reader import Reader
from transport.records import Headers, Outgoing, Record
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

LARGEST = 100_000
"""Bytes of the largest message in these tests, everywhere the same."""

PARTITIONS = 2
TOPICS = {"in": PARTITIONS, "in.dlq": 1, "out": PARTITIONS}


class Place(AbstractContextManager["Place"], Protocol):
    """Where a test's topics are: `in`, its dead letters and `out`, under names of the place's own."""

    exactly_once: bool

    def put(self, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Write to `in`."""

    def backend(self) -> Backend:
        """A worker's backend that reads `in`; every call gives one of the same group and slot."""

    def name(self, topic: str) -> str:
        """The real name of `in` or `out`."""

    def spoil(self) -> list[Outgoing]:
        """See to it that the batch in hand is aborted, once; what to add to it for that."""

    def published(self, topic: str, count: int) -> list[Record]:
        """All committed records of a topic; waits for `count`, and then for its end."""


class MemoryPlace:
    exactly_once = True

    def __init__(self) -> None:
        self._backend = MemoryBackend(TOPICS, ["in"], largest=LARGEST)

    def put(self, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        self._backend.put("in", key, value, headers)

    def backend(self) -> Backend:
        return self._backend

    def name(self, topic: str) -> str:
        return topic

    def spoil(self) -> list[Outgoing]:
        self._backend.fail(Aborted("told-to", "by the test"))
        return []

    def published(self, topic: str, count: int) -> list[Record]:
        return self._backend.published(topic)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class KafkaPlace:
    exactly_once = True

    def __init__(self, bootstrap_servers: str) -> None:
        self.run = uuid.uuid4().hex[:8]
        self.settings = KafkaSettings(
            bootstrap_servers=bootstrap_servers,
            group_id=f"group-{self.run}",
            client={"message.max.bytes": str(LARGEST), "topic.metadata.propagation.max.ms": "300"},
        )
        self._sender: Sender | None = None

    def make_topics(self) -> None:
        create_topics(self.settings, [TopicSpec(self.name(topic), count) for topic, count in TOPICS.items()])

    def put(self, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        assert self._sender is not None
        self._sender.send(self.name("in"), key, value, headers)
        self._sender.flush()

    def put_many(self, count: int, first: int = 0) -> None:
        assert self._sender is not None
        for number in range(first, first + count):
            self._sender.send(self.name("in"), b"%d" % (number % 100), b"%d" % number)
        self._sender.flush()

    def backend(self) -> Backend:
        return kafka_backend(self.settings, [self.name("in")], [self.name("out")])

    def name(self, topic: str) -> str:
        return f"{self.run}-{topic}"

    def spoil(self) -> list[Outgoing]:
        return [Outgoing("no-such-topic", b"key", b"value")]

    def published(self, topic: str, count: int) -> list[Record]:
        found: list[Record] = []
        deadline = time.monotonic() + 60
        with Reader(self.settings, [self.name(topic)]) as reader:
            while (len(found) < count or not reader.caught_up) and time.monotonic() < deadline:
                found += reader.read(1000, 0.1)
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def __enter__(self) -> Self:
        self.make_topics()
        self._sender = Sender(self.settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sender is not None:
            self._sender.close()


class EmbeddedPlace(KafkaPlace):
    exactly_once = False

    def __init__(self) -> None:
        self._broker = EmbeddedBroker(TOPICS)
        super().__init__(self._broker.bootstrap_servers)
        self.settings = self.settings.model_copy(update={"embedded": True, "delivery": "at-least-once"})

    def make_topics(self) -> None:
        """They came with the broker."""

    def name(self, topic: str) -> str:
        return topic

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._broker.close()
