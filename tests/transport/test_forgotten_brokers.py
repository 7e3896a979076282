"""Clients that forget their brokers, as when the last one of a cluster says while it stops that there is none, go on as
new ones (see `transport.probe`).

Each is made to behave so; and each meets a broker that stops and starts, asking so often that it may well be told, and
without librdkafka's own way out, which fails now and then. It is told by chance: at exactly once nearly always.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.conftest import absent
from tests.transport.driving import Seen, echo
from tests.transport.places import KafkaPlace
from transport import probe, reader, source
from transport.errors import NoBroker
from transport.kafka import kafka_backend
from transport.local_kafka import LocalKafka
from transport.loop import Loop
from transport.probe import Probe
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

FORGETS = {"topic.metadata.refresh.interval.ms": "10", "metadata.recovery.strategy": "none"}
TOLD_SECONDS = 1.5
"""After which each client asks so often. Nothing that can be seen from outside says that it does."""
AWAY_SECONDS = 2.0
"""Longer than the pauses between a client's attempts to connect, so that each has tried in vain."""
SECONDS = 90.0
"""When a client that should have gone on is given up, so that a test fails and does not hang."""


Forget = Callable[[], None]


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Forget:
    """Has all clients that there are know no broker; those made later do."""
    clients: list[Any] = []

    class Client:
        forgot = False

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            clients.append(self)

        def list_topics(self, *arguments: Any, **named: Any) -> Any:
            if self.forgot:
                raise KafkaException(KafkaError(KafkaError._TRANSPORT))
            return super().list_topics(*arguments, **named)  # type: ignore[misc]  # a mixin, whose base is yet to come

    class ForgetfulConsumer(Client, Consumer):
        def poll(self, *arguments: Any) -> Any:
            message = super().poll(*arguments)
            return None if self.forgot else message

    class ForgetfulAdmin(Client, AdminClient):
        pass

    for module in (reader, source):
        monkeypatch.setattr(module, "Consumer", ForgetfulConsumer)
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(probe, "AdminClient", ForgetfulAdmin)
    monkeypatch.setattr(probe, "FRESH_SECONDS", 0.0)

    def now() -> None:
        for client in clients:
            client.forgot = True

    return now


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_a_loop_that_knows_no_broker_makes_new_clients(real: KafkaPlace, forget: Forget, delivery: str) -> None:
    reasons: list[str] = []

    class Watches(Seen):
        def committed(self, *done: Any) -> None:
            super().committed(*done)
            if len(self.records) == 1:
                forget()
                real.put(None, b"after")

        def reopened(self, reason: str) -> None:
            reasons.append(reason)

    real.settings = real.settings.model_copy(update={"delivery": delivery})
    seen = Watches(2)
    seen.loop = Loop(real.backend(), echo(real.name("out")), observer=seen)
    timer = threading.Timer(SECONDS, seen.loop.stop)
    timer.start()
    real.put(None, b"before")
    seen.loop.run()
    timer.cancel()
    assert reasons == ["forgot"]
    assert [record.value for record in seen.records] == [b"before", b"after"]


def test_a_reader_that_knows_no_broker_goes_on_where_it_was_as_a_new_client(real: KafkaPlace, forget: Forget) -> None:
    real.put_many(10)
    with Reader(real.settings, [real.name("in")]) as reading:
        values = [record.value for record in reading.rest()]
        forget()
        real.put_many(10, first=10)
        deadline = time.monotonic() + SECONDS
        while len(values) < 20 and time.monotonic() < deadline:
            values += [record.value for record in reading.read(10, 0.2)]
    assert sorted(values) == sorted(b"%d" % number for number in range(20))


def test_a_probe_that_knows_no_broker_asks_as_a_new_client(real: KafkaPlace, forget: Forget) -> None:
    with Probe(real.settings) as asked:
        assert asked.away() is None
        forget()
        assert asked.away() is not None
        assert asked.away() is None


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalKafka, KafkaSettings]]:
    """A broker, and settings with which whoever is there when it stops forgets it."""
    for module in (reader, source):
        monkeypatch.setattr(module, "LOOK_SECONDS", 1.0)
    try:
        with LocalKafka(topics=[TopicSpec("in", 1), TopicSpec("out", 1)], heap_mb=256) as broker:
            yield broker, broker.settings().model_copy(update={"client": FORGETS})
    except NoBroker as error:
        absent(f"a local Kafka: {error}")


def stop_and_start(broker: LocalKafka) -> None:
    time.sleep(TOLD_SECONDS)
    broker.stop()
    time.sleep(AWAY_SECONDS)
    broker.start()


def put(broker: LocalKafka, topic: str, *values: bytes) -> None:
    with Sender(broker.settings()) as sender:
        for value in values:
            sender.send(topic, None, value)


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_a_loop_goes_on(stopping: tuple[LocalKafka, KafkaSettings], delivery: str) -> None:
    broker, settings = stopping
    seen = Seen(2)
    backend = kafka_backend(settings.model_copy(update={"delivery": delivery}), ["in"], ["out"])
    seen.loop = Loop(backend, echo("out"), observer=seen)
    running = threading.Thread(target=seen.loop.run)
    running.start()
    try:
        put(broker, "in", b"before")
        with Reader(broker.settings(), ["out"]) as responder:
            while not responder.read(1, 1.0):
                pass
        stop_and_start(broker)
        put(broker, "in", b"after")
        running.join(SECONDS)
        assert [record.value for record in seen.records] == [b"before", b"after"]
    finally:
        seen.loop.stop()
        running.join()


def test_a_reader_goes_on_where_it_was(stopping: tuple[LocalKafka, KafkaSettings]) -> None:
    broker, settings = stopping
    put(broker, "in", b"before")
    with Reader(settings, ["in", "out"]) as reading:
        values = [record.value for record in reading.rest()]
        stop_and_start(broker)
        put(broker, "in", b"after")
        put(broker, "out", b"the first")
        deadline = time.monotonic() + SECONDS
        while len(values) < 3 and time.monotonic() < deadline:
            values += [record.value for record in reading.read(10, 0.2)]
    assert (values[0], sorted(values[1:])) == (b"before", [b"after", b"the first"])


def test_a_probe_tells_that_a_broker_is_back(
    stopping: tuple[LocalKafka, KafkaSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "FRESH_SECONDS", 0.0)
    broker, settings = stopping
    with Probe(settings) as asked:
        assert asked.away() is None
        ending = threading.Thread(target=broker.stop)
        ending.start()
        while ending.is_alive():
            asked.away()
        broker.start()
        asked.away()
        assert asked.away() is None
