"""The scorer as a real process on the embedded broker."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.priority import Priority
from tests.stream.running import read_until, scorer, scrape
from tests.stream.standin import NOW
from transport.embedded import EmbeddedBroker
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM or SIGINT")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics()}) as broker:
        yield broker


def file_reports(kafka: KafkaSettings, numbers: range, status: str = "Actual") -> None:
    with Sender(kafka) as sender:
        for number in numbers:
            report = CrimeReport.model_validate(
                {"agency_id": "rivertown", "report_id": str(number), "reported_at": NOW, "status": status,
                 "incident_type": "ROBBERY", "urgency": "in-progress", "weapons": ["12"]}
            )  # fmt: skip
            sender.send(topics.CRIME_REPORTS, *encode(report, source="cad/test", time=NOW))


def test_without_a_model_the_rules_answer_every_report(broker: EmbeddedBroker) -> None:
    kafka = broker.settings()
    file_reports(kafka, range(150))
    with scorer(kafka) as running, Reader(kafka, [topics.PRIORITIES]) as responder:
        address = running.ready()
        file_reports(kafka, range(150, 300))
        records = read_until(responder, lambda records: len(records) >= 300)
        priorities = [decode(Priority, record.key, record.value, record.headers) for record in records]
        assert {int(priority.report_id) for priority in priorities} == set(range(300))
        assert {priority.decided_by for priority in priorities} <= {"fallback", "rule"}
        assert all(priority.degraded for priority in priorities)
        assert {dict(record.headers)["severity.delivery"] for record in records} == {b"at-least-once"}
        seen = scrape(address)
        assert seen['severity_delivery_info{delivery="at-least-once"}'] == 1
        assert seen["severity_degraded_seconds_total"] > 0
        assert running.end() == 0
        assert len(running.lines) == 1, "a quiet run says that it is ready and nothing else"


def test_unreadable_reports_and_drills_go_where_they_belong(broker: EmbeddedBroker) -> None:
    kafka = broker.settings()
    file_reports(kafka, range(1), status="Exercise")
    with Sender(kafka) as sender:
        sender.send(topics.CRIME_REPORTS, b"rivertown/13", b"\xff not json")
        sender.send(topics.CRIME_REPORTS, None, None)
    places = [topics.PRIORITIES, topics.PRIORITIES_EXERCISE, topics.dead_letters(topics.CRIME_REPORTS)]
    with scorer(kafka) as running, Reader(kafka, places) as reader:
        records = read_until(reader, lambda records: len(records) >= 4)
        assert {(record.topic, record.key) for record in records} == {
            ("crime-reports.dlq", b"rivertown/13"),
            ("crime-reports.dlq", None),
            ("priorities", b"rivertown/13"),
            ("priorities-exercise", b"rivertown/0"),
        }
        assert running.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_next_one_goes_on_where_it_stopped(
    broker: EmbeddedBroker, number: int
) -> None:
    kafka = broker.settings()
    with Reader(kafka, [topics.PRIORITIES]) as responder:
        for numbers in (range(50), range(50, 100)):
            file_reports(kafka, numbers)
            with scorer(kafka) as running:
                running.ready()
                records = read_until(responder, lambda records: len(records) >= 50)
                assert {int((record.key or b"").split(b"/")[1]) for record in records} == set(numbers)
                assert running.end(number) == 0


def test_a_fault_of_our_own_ends_it_with_one_clear_line(broker: EmbeddedBroker, tmp_path: Path) -> None:
    absent = tmp_path / "no-such-policy.toml"
    with scorer(broker.settings(), policy=absent) as running:
        assert running.process.wait(60) == 1
    assert len(running.lines) == 1
    assert running.lines[0].startswith("severity scorer: ")
    assert str(absent) in running.lines[0]
