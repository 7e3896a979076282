"""One city's reports on a Kafka that others may use, too: filed, scored by workers that come to harm, and checked."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.checking import Sent, Verdict, check, sent
from bench.load import Load
from bench.topic_reading import end_offsets
from bench.worker import Worker
from cad.simulated import SimulatedCity
from cli.topics import topic_specs
from schemas import topics
from severity.artefact.keys import new_pair
from tests.stream.standin import NOW
from transport.reader import Reader
from transport.records import Partition
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

SECONDS: Final = 120.0
"""Until a test gives up waiting: generous, since what is waited for comes in a moment on a quiet machine."""

WORDS: Final = 40
"""Lines that are shown of a worker when a test fails."""

MOST_IN_A_BATCH: Final = 50
"""Several transactions for a hundred reports, so that there is something before and after each point."""


@dataclass
class City:
    """A city with a topic, a group and a model name of its own; no model, so that the rules answer."""

    kafka: KafkaSettings
    name: str
    keys: Path
    load: Load
    reader: Reader
    start: Mapping[Partition, int]
    stack: ExitStack
    filed: list[Sent] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    answered: int = 0

    @property
    def topic(self) -> str:
        """Where its reports are."""
        return f"{self.name}.{topics.CRIME_REPORTS}"

    def file(self, count: int, seconds: float = 0.0) -> None:
        """File so many reports that nobody filed before, evenly over so many seconds."""
        with Sender(self.kafka) as sender:
            for _ in range(count):
                message = self.load.message(len(self.filed))
                sender.send(self.topic, *message)
                self.filed.append(sent(message.key, message.value))
                time.sleep(seconds / count)

    def worker(self, slot: str = "0", point: str = "never", times: int = 1) -> Worker:
        """A scorer being started, which dies when it comes to `point` for the `times`-th time; ended with the test."""
        kafka = self.kafka.model_copy(update={"slot": slot, "max_batch": MOST_IN_A_BATCH})
        own = {"topics": self.topic, "group_id": self.name, "model_name": self.name, "trusted_keys": self.keys}
        chosen = {**own, "metrics_port": 0, "model_wait_seconds": 0}
        environment = {f"SEVERITY_SCORER__{name.upper()}": str(value) for name, value in chosen.items()}
        arguments = ["-m", "tests.faults.dying_scorer", point, str(times)]
        self.workers.append(self.stack.enter_context(Worker(arguments, kafka, environment)))
        return self.workers[-1]

    def wait_for(self, count: int) -> float:
        """Wait until so many reports are answered, of all so far; how long no answer came, in seconds, at most."""
        longest, last = 0.0, time.monotonic()
        while (before := self.answered) < count:
            found = self.look() - before
            now = time.monotonic()
            longest = max(longest, now - last)
            if found:
                last = now
            assert now - last < SECONDS, f"{self.answered} of {count} answered; {self._said()}"
        return longest

    def look(self) -> int:
        """How many are answered by now."""
        found = self.reader.read(1000, 0.1)
        self.answered += sum((record.key or b"").startswith(self.name.encode()) for record in found)
        return self.answered

    def settle(self) -> float:
        """Wait until every report is answered; how long no answer came, in seconds, at most."""
        return self.wait_for(len(self.filed))

    def _said(self) -> str:
        """Every worker's last lines, for who has to find out why a test failed."""
        said = [f"exit code {each.process.poll()}: {''.join([*each.lines][-WORDS:])}" for each in self.workers]
        return "\n".join(["the workers:", *said])

    def verdict(self) -> Verdict:
        """What the independent checker finds."""
        return check(self.kafka.bootstrap_servers, self.filed, reports=[self.topic], start=self.start)

    def assert_nothing_lost_or_doubled(self) -> None:
        """Wait until every report is answered, then have it checked."""
        self.settle()
        verdict = self.verdict()
        assert verdict.clean, verdict.examples


@contextmanager
def city(
    bootstrap_servers: str,
    folder: Path,
    *,
    partitions: int = 4,
    replication: int = 1,
    client: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[City]:
    """A new one, with its topics; `folder` for its keys, `client` for the workers' librdkafka."""
    name = f"t{uuid.uuid4().hex[:12]}"
    kafka = KafkaSettings(bootstrap_servers=bootstrap_servers, client=client)
    reports = f"{name}.{topics.CRIME_REPORTS}"
    own = [
        TopicSpec(reports, partitions, replication),
        TopicSpec(topics.dead_letters(reports), 1, replication),
    ]
    create_topics(kafka, [*topic_specs(replication=replication), *own])
    new_pair(folder / "keys")
    cases = islice(SimulatedCity(1, NOW - timedelta(days=1)), 200)
    answers = [topics.PRIORITIES, topics.PRIORITIES_EXERCISE]
    load = Load.of([case.report.model_copy(update={"agency_id": name}) for case in cases], NOW)
    with ExitStack() as stack:
        reader = stack.enter_context(Reader(kafka, answers, start="end"))
        start = end_offsets(bootstrap_servers, answers)
        yield City(kafka, name, folder / "keys", load, reader, start, stack)
