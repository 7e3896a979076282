"""Poison of every kind among good reports, on a real Kafka, with the scorer as a process."""

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Producer

from cli.topics import topic_specs
from schemas import topics
from schemas.envelope import decode
from schemas.priority import Priority
from severity.artefact.keys import new_pair
from tests.faults import raw_client
from tests.faults.poison import CASES, JSON, Case, Header, sound
from tests.stream.running import read_until, scorer, scrape
from transport.reader import Reader
from transport.records import LEFT_OUT, Record
from transport.settings import KafkaSettings, producer_properties
from transport.topics import TopicSpec, create_topics

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM"),
]
PARTITIONS = 2
LARGE = 30


@dataclass
class Filing:
    """Writes to a topic that is nobody else's, so that the place of each record is known beforehand."""

    kafka: KafkaSettings
    topic: str
    places: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._producer = Producer({**producer_properties(self.kafka), "message.max.bytes": 10_000_000})

    def send(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = (JSON,), when: int = 0
    ) -> tuple[int, int]:
        """Write one record; its (partition, offset)."""
        if any(isinstance(name, bytes) for name, _ in headers):
            self._producer.flush()
            named = [(name if isinstance(name, bytes) else name.encode(), content) for name, content in headers]
            raw_client.send(self.kafka.bootstrap_servers, self.topic, partition, key or b"", value or b"", named)
        else:
            stamp = {"timestamp": when if when > 0 else int(time.time() * 1000) - when} if when else {}
            self._producer.produce(self.topic, value, key, partition, headers=list(headers), **stamp)
        self.places[partition] += 1
        return partition, self.places[partition] - 1

    def flush(self) -> None:
        assert self._producer.flush(60) == 0


def body(agency: str, report_id: str, **fields: object) -> bytes:
    return json.dumps(sound(agency, report_id) | fields).encode()


@pytest.fixture
def filing(kafka: str) -> Filing:
    topic = f"{uuid.uuid4().hex[:10]}-reports"
    settings = KafkaSettings(bootstrap_servers=kafka)
    create_topics(settings, [*topic_specs(), TopicSpec(topic, PARTITIONS), TopicSpec(topics.dead_letters(topic), 1)])
    return Filing(settings, topic)


@pytest.fixture
def own(filing: Filing, tmp_path: Path) -> Mapping[str, object]:
    """Settings of a scorer by the rules alone, for the filing's topic."""
    new_pair(tmp_path)
    return {
        "trusted_keys": tmp_path,
        "topics": filing.topic,
        "group_id": filing.topic,
        "model_name": filing.topic,
        "model_wait_seconds": 0,
    }


def responder(filing: Filing) -> Reader:
    """Reads all that the scorer writes, from now on."""
    written = [topics.PRIORITIES, topics.PRIORITIES_EXERCISE, topics.dead_letters(filing.topic)]
    return Reader(filing.kafka, written, start="end")


def place(record: Record) -> tuple[str, int, int]:
    """Topic and place of the report that a priority or a dead letter belongs to."""
    headers = dict(record.headers)
    if record.topic.endswith(".dlq"):
        named = [headers[f"severity.error.{name}"].decode() for name in ("topic", "partition", "offset")]
        return named[0], int(named[1]), int(named[2])
    source = decode(Priority, record.key, record.value, record.headers).source
    return source.topic, source.partition, source.offset


def test_every_poison_is_set_aside_with_its_reason_and_no_good_report_waits_or_is_lost(
    filing: Filing, own: Mapping[str, object]
) -> None:
    cases: dict[tuple[int, int], tuple[Case, str]] = {}
    good: dict[tuple[int, int], tuple[str, str, int]] = {}
    run = filing.topic.partition("-")[0]
    drilling = json.dumps([f"{run}-{number}" for number, case in enumerate(CASES) if case.drill])
    with responder(filing) as reader, scorer(filing.kafka, **own, drills_from=drilling) as running:
        metrics = running.ready()
        for number, case in enumerate(CASES):
            agency, partition = f"{run}-{number}", number % PARTITIONS
            good[filing.send(partition, f"{agency}/before".encode(), body(agency, "before"))] = (agency, "before", 1)
            key = case.key and case.key.replace(b"AGENCY", agency.encode())
            cases[filing.send(partition, key, case.value(agency), case.headers, case.timestamp_ms)] = (case, agency)
            good[filing.send(partition, f"{agency}/after".encode(), body(agency, "after"))] = (agency, "after", 1)
            revised, revision = f"r{number % 10}", number // 10 + 1
            at = filing.send(number % PARTITIONS, f"{run}/{revised}".encode(), body(run, revised, revision=revision))
            good[at] = (run, revised, revision)
        filing.flush()
        letters = sum(case.outcome != "priority" for case, _ in cases.values())
        answers = len(good) + sum(case.outcome != "nobody's" for case, _ in cases.values())
        records = read_until(
            reader, lambda read: len(mine(read, filing)) >= letters + answers or running.process.poll() is not None
        )
        assert running.process.poll() is None, "".join(running.lines[-60:])
        reader_end = read_until(reader, lambda _: reader.caught_up)
        counted = scrape(metrics)
        assert running.process.poll() is None
        assert running.end() == 0
    found = mine([*records, *reader_end], filing)
    by_kind = {kind: [one for one in found if one[1].topic.endswith(".dlq") == kind] for kind in (True, False)}
    dead = {at: dict(record.headers) for at, record in by_kind[True]}
    given = {at: (record, decode(Priority, record.key, record.value, record.headers)) for at, record in by_kind[False]}
    assert (len(by_kind[True]), len(by_kind[False])) == (len(dead), len(given)), "doubled"
    assert {at: (one.agency_id, one.report_id, one.revision) for at, (_, one) in given.items() if at in good} == good
    assert all(priority.severity == 5 for at, (_, priority) in given.items() if at in good)
    for at, (case, agency) in cases.items():
        assert outcome(at, given, dead) == (case.outcome, case.reason), case.name
        if at in given:
            record, priority = given[at]
            assert (priority.agency_id, priority.report_id) == (agency, case.report_id), case.name
            assert priority.needs_human_triage
            assert record.topic == (topics.PRIORITIES_EXERCISE if case.drill else topics.PRIORITIES), case.name
    revisions: dict[str, list[int]] = {}
    for record in [record for _, record in by_kind[False]]:
        priority = decode(Priority, record.key, record.value, record.headers)
        if priority.agency_id == run:
            revisions.setdefault(priority.report_id, []).append(priority.revision)
    assert all(list(seen) == sorted(seen) for seen in revisions.values())
    counters = {
        name: value for name, value in counted.items() if value and name.startswith("severity_dead_letters_total")
    }
    reasons = Counter(case.reason for case, _ in cases.values() if case.reason)
    assert counters == {f'severity_dead_letters_total{{reason="{name}"}}': n for name, n in reasons.items()}


def outcome(
    at: tuple[int, int],
    given: Mapping[tuple[int, int], tuple[Record, Priority]],
    dead: Mapping[tuple[int, int], Mapping[str, bytes]],
) -> tuple[str, str]:
    reason = dead[at]["severity.error.reason"].decode() if at in dead else ""
    if at not in given:
        return "nobody's" if at in dead else "lost", reason
    if at not in dead:
        return "priority", ""
    return "triage" if given[at][1].severity is None else "in part", reason


def mine(records: Sequence[Record], filing: Filing) -> list[tuple[tuple[int, int], Record]]:
    placed = [(place(record), record) for record in records]
    return [((partition, offset), record) for (topic, partition, offset), record in placed if topic == filing.topic]


def test_a_duplicate_and_a_revision_gone_back_are_dropped_and_counted(
    filing: Filing, own: Mapping[str, object]
) -> None:
    run = filing.topic.partition("-")[0]
    sent = [1, 1, 2, 1, 4, 3, 4, 2, 5]
    with responder(filing) as reader, scorer(filing.kafka, **own) as running:
        metrics = running.ready()
        for revision in sent:
            filing.send(0, f"{run}/1".encode(), body(run, "1", revision=revision))
        filing.flush()
        records = read_until(reader, lambda read: len(mine(read, filing)) >= 4)
        records += read_until(reader, lambda _: reader.caught_up)
        counted = scrape(metrics)
        assert running.end() == 0
    priorities = [decode(Priority, one.key, one.value, one.headers) for _, one in mine(records, filing)]
    assert [priority.revision for priority in priorities] == [1, 2, 4, 5]
    previous = [priority.previous.revision if priority.previous else None for priority in priorities]
    assert previous == [None, 1, 2, 4]
    dropped = 'severity_revisions_dropped_total{reason="%s"}'
    assert counted[dropped % "repeated"] + counted[dropped % "superseded"] == len(sent) - len(priorities)


def test_records_too_large_for_their_dead_letters_stop_nobody(filing: Filing, own: Mapping[str, object]) -> None:
    """One after the other, each as large as the broker takes: there is no room for the reason beside the body."""
    run, large = filing.topic.partition("-")[0], b"x" * 1_048_400
    with responder(filing) as reader:
        for number in range(LARGE):
            for near in range(5):
                filing.send(number % PARTITIONS, f"{run}-{number}/{near}".encode(), body(f"{run}-{number}", str(near)))
            filing.send(number % PARTITIONS, f"{run}-{number}/x".encode(), large)
        filing.flush()
        with scorer(filing.kafka, **own) as running:
            running.ready()
            records = read_until(reader, lambda read: len(mine(read, filing)) >= 7 * LARGE)
            records += read_until(reader, lambda _: reader.caught_up)
            assert running.end() == 0, "".join(running.lines[-20:])
    found = [one for _, one in mine(records, filing)]
    letters = [one for one in found if one.topic.endswith(".dlq")]
    assert sorted((one.key or b"") for one in letters) == sorted(f"{run}-{n}/x".encode() for n in range(LARGE))
    assert all(one.value is None and b"1048400 bytes" in dict(one.headers)[LEFT_OUT] for one in letters)
    wanted = [f"{run}-{number}/{near}".encode() for number in range(LARGE) for near in (*range(5), "x")]
    assert sorted((one.key or b"") for one in found if not one.topic.endswith(".dlq")) == sorted(wanted)
