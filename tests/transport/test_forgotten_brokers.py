"""Clients that are told by a cluster's last broker that there is none, as it stops, go on once it is back.

They ask so often here that each of them is told, and without its own way out, which fails now and then, librdkafka
forgets its brokers for good (see `transport.probe`).
"""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.conftest import absent
from tests.transport.driving import Seen, echo
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
"""After which each client has begun to ask so often."""
SECONDS = 90.0
AWAY_SECONDS = 2.0
"""Longer than the pauses between a client's attempts to connect."""


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
        while not seen.records:
            time.sleep(0.1)
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
