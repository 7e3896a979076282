"""Promises about an office, on real Kafka and with real processes: one holds it, and only the last holder publishes."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

from transport.office import Office
from transport.reader import Reader
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

pytestmark = pytest.mark.kafka


class Candidate:
    """One process that stands for the office."""

    def __init__(self, kafka: str, topic: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.office_holder", kafka, f"office-{topic}", topic],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.says() == "candidate"

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def publish(self, text: str) -> str:
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.says()


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"versions-{uuid.uuid4().hex[:8]}"
    create_topics(KafkaSettings(bootstrap_servers=kafka), [TopicSpec(name, partitions=1)])
    return name


@pytest.fixture
def candidates(kafka: str, topic: str) -> Iterator[list[Candidate]]:
    """Two; the first holds the office."""
    first = Candidate(kafka, topic)
    assert first.says() == "held"
    both = [first, Candidate(kafka, topic)]
    yield both
    for one in both:
        one.process.kill()
        one.process.wait()
        one.process.stdin.close()
        one.process.stdout.close()


def published(kafka: str, topic: str) -> list[str]:
    found = []
    with Reader(KafkaSettings(bootstrap_servers=kafka), [topic]) as reader:
        while not reader.caught_up:
            found += [record.value.decode() for record in reader.read(100, 1.0)]
    return found


def test_a_second_candidate_waits_as_long_as_the_first_is_there(
    kafka: str, topic: str, candidates: list[Candidate]
) -> None:
    assert candidates[0].publish("one") == "published"
    with Office(KafkaSettings(bootstrap_servers=kafka), f"office-{topic}", topic) as third:
        assert not third.take(threading.Event().is_set, seconds=4)
    assert candidates[0].publish("two") == "published"
    assert published(kafka, topic) == ["one", "two"]


def test_a_killed_holder_is_followed_by_the_one_that_waits(kafka: str, topic: str, candidates: list[Candidate]) -> None:
    first, second = candidates
    assert first.publish("one") == "published"
    first.process.kill()
    assert second.says() == "held"
    assert second.publish("two") == "published"
    assert published(kafka, topic) == ["one", "two"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot stop a process and let it go on")
def test_a_holder_that_slept_and_was_followed_publishes_nothing_any_more(
    kafka: str, topic: str, candidates: list[Candidate]
) -> None:
    first, second = candidates
    os.kill(first.process.pid, signal.SIGSTOP)
    assert second.says() == "held"
    assert second.publish("of the second") == "published"
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.publish("of one who thinks that it is still its turn") == "fenced"
    assert second.publish("again") == "published"
    assert published(kafka, topic) == ["of the second", "again"]


def test_a_holder_that_ends_in_order_is_followed_at_once(kafka: str, topic: str, candidates: list[Candidate]) -> None:
    first, second = candidates
    first.process.stdin.close()
    assert first.process.wait(30) == 0
    assert second.says() == "held"
