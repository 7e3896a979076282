"""Clocks that jump and clocks that differ: scored_at may be wrong then, but nothing is lost, doubled or negative.

The clock is an argument here. libfaketime was tried on the whole process and told nothing: librdkafka does not start
under a constant offset to the past, as its waits and its clock are faked differently.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from prometheus_client import CollectorRegistry

from cli.topics import topic_specs
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from stream.champion import Champion
from stream.metrics import ScorerMetrics
from stream.processor import Processor
from stream.watch import Watch
from tests.stream.standin import BELIEVING, NOW, Marked, ledger
from tests.stream.whole import city, priorities
from transport.loop import Loop
from transport.memory import MemoryBackend
from transport.reader import Reader
from transport.records import Batch, Record
from transport.settings import KafkaSettings, producer_properties
from transport.topics import TopicSpec, create_topics

HOUR, YEARS = timedelta(hours=1), timedelta(days=365 * 30)
JUMPS = (timedelta(), HOUR, -HOUR, timedelta(), YEARS, -YEARS, timedelta(seconds=-1))
IN_1970, IN_2100 = 1, 4_102_444_800_000
"""Milliseconds since 1970."""


class Clock:
    """What the wall shows: set by hand while real time stands still."""

    def __init__(self) -> None:
        self.now = NOW

    def read(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


class Lagging(MemoryBackend):
    """Says how often it was asked for its lag."""

    asked = 0

    def lag(self) -> int:
        self.asked += 1
        return super().lag()


def test_a_report_is_answered_once_whatever_the_clock_says_meanwhile() -> None:
    backend, clock, known, registry = city(), Clock(), ledger(), CollectorRegistry()
    chosen, watch = Marked(), Watch(ScorerMetrics(registry), known, clock.seconds, lambda: None, lambda: None)
    processor = Processor(
        lambda: chosen, known, delivery="x", source="s", doubts=BELIEVING, clock=clock.read, timer=time.perf_counter
    )

    def handle(records: Sequence[Record]) -> Batch:
        watch.began(records)
        batch, tally = processor.process(records)
        watch.processed(tally)
        return batch

    for number, jump in enumerate(JUMPS):
        clock.now = NOW + jump
        for revision in (1, 2):
            report = CrimeReport(agency_id="a", report_id=str(number), revision=revision, reported_at=NOW)
            backend.put("crime-reports", *encode(report, source="t", time=NOW))
        backend.drain(Loop(backend, handle, observer=watch))
        assert watch.oldest_unscored_seconds() >= 0
        assert registry.get_sample_value("severity_end_to_end_seconds_sum") is not None
        assert (registry.get_sample_value("severity_end_to_end_seconds_sum") or 0.0) >= 0
    found = [(one.report_id, one.revision, one.scored_at) for one in priorities(backend)]
    assert found == [(str(number), revision, NOW + jump) for number, jump in enumerate(JUMPS) for revision in (1, 2)]


def test_a_report_from_the_future_took_no_time_rather_than_less() -> None:
    registry, clock = CollectorRegistry(), Clock()
    watch = Watch(ScorerMetrics(registry), ledger(), clock.seconds, lambda: None, lambda: None)
    ahead = Record("crime-reports", 0, 0, None, b"", (), int((clock.seconds() + 3000) * 1000))
    watch.began([ahead])
    assert watch.oldest_unscored_seconds() == 0
    watch.committed([ahead], Batch(), 0.1)
    assert registry.get_sample_value("severity_end_to_end_seconds_sum") == 0
    assert registry.get_sample_value("severity_end_to_end_seconds_count") == 1


def test_a_clock_that_is_two_hours_off_is_shown_and_said_until_it_is_mended(caplog: pytest.LogCaptureFixture) -> None:
    backend, clock, registry = Lagging({"in": 1}, ["in"]), Clock(), CollectorRegistry()
    watch = Watch(ScorerMetrics(registry), ledger(), clock.seconds, lambda: None, lambda: None)
    broker = clock.seconds()

    def come(waited: float = 0.0) -> float | None:
        """A report comes, which had waited for so long; what the metric shows then."""
        record = Record("in", 0, 0, None, b"", (), int((broker - waited) * 1000))
        watch.committed([record], Batch(), 0.1)
        return registry.get_sample_value("severity_clock_ahead_seconds")

    assert come(waited=7200.0) == 0, "what had waited when the scorer started tells nothing"
    for off, told in ((2 * HOUR, "7200 s ahead of"), (-2 * HOUR, "7200 s behind"), (timedelta(), "again")):
        clock.now = NOW + off
        watch.look(backend)
        caplog.clear()
        shown = come()
        assert shown is not None
        assert abs(shown - off.total_seconds()) < 0.01
        watch.look(backend)
        come()
        if off < timedelta():
            assert not caplog.records, "it was off before, and has been said so"
        else:
            assert [record.message for record in caplog.records if told in record.message]
            assert len(caplog.records) == 1


def test_the_lag_is_looked_up_after_the_clock_was_set_back() -> None:
    backend, clock = Lagging({"in": 1}, ["in"]), Clock()
    watch = Watch(ScorerMetrics(CollectorRegistry()), ledger(), clock.seconds, lambda: None, lambda: None)
    for jump in (timedelta(), -YEARS, -YEARS + timedelta(seconds=0.5), -YEARS + timedelta(seconds=2)):
        clock.now = NOW + jump
        watch.look(backend)
    assert backend.asked == 3


def test_no_age_is_negative_when_the_clock_was_set_back() -> None:
    clock, steady = Clock(), [100.0]
    champion = Champion(Marked(1), clock.read, lambda: steady[0])
    clock.now -= YEARS
    steady[0] += 5
    assert champion.degraded_seconds() == 5
    champion.offer(Marked(2), NOW)
    assert champion.model_age_seconds() == 0


@pytest.mark.kafka
def test_the_broker_says_when_a_record_came_whatever_the_clock_of_its_writer_shows(kafka: str) -> None:
    """Else a broker refuses all priorities of a worker whose clock is an hour ahead, and deletes those of one whose
    clock is a week late, as it does with the reports of a city's."""
    settings = KafkaSettings(bootstrap_servers=kafka)
    run = uuid.uuid4().hex[:8]
    ours = [TopicSpec(f"{run}-{spec.name}", 1, config=spec.config) for spec in topic_specs()]
    create_topics(settings, [*ours, TopicSpec(f"{run}-plain")])
    refused: list[tuple[str, str]] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused.append((message.topic() or "", error.name()))

    properties: dict[str, Any] = {**producer_properties(settings), "on_delivery": delivered}
    producer = Producer(properties)
    before = int(time.time() * 1000)
    for topic in [*(spec.name for spec in ours), f"{run}-plain"]:
        for moment in (IN_1970, IN_2100):
            producer.produce(topic, b"value", b"key", timestamp=moment)
            producer.flush()
    assert refused == [(f"{run}-plain", "INVALID_TIMESTAMP")]
    with Reader(settings, [spec.name for spec in ours]) as reader:
        found: list[Record] = []
        while not reader.caught_up:
            found += reader.read(100, 0.2)
    assert len(found) == 2 * len(ours)
    assert all(before <= record.timestamp_ms <= before + 600_000 for record in found)
