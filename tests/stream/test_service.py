"""The scorer as a real process on the embedded broker."""

import signal
import sys
from pathlib import Path

import pytest

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.model_status import ModelStatus
from schemas.priority import Priority
from tests.stream.releases import Trainer
from tests.stream.running import read_until, scorer, scrape
from tests.stream.standin import NOW
from transport.embedded import EmbeddedBroker
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM or SIGINT")


def file_reports(kafka: KafkaSettings, numbers: range, status: str = "Actual") -> None:
    with Sender(kafka) as sender:
        for number in numbers:
            report = CrimeReport.model_validate(
                {"agency_id": "rivertown", "report_id": str(number), "reported_at": NOW, "status": status,
                 "incident_type": "ROBBERY", "urgency": "in-progress", "weapons": ["12"]}
            )  # fmt: skip
            sender.send(topics.CRIME_REPORTS, *encode(report, source="cad/test", time=NOW))


def priorities_of(records: list[Record]) -> list[Priority]:
    return [decode(Priority, record.key, record.value, record.headers) for record in records]


def test_without_a_model_the_rules_answer_and_everything_goes_where_it_belongs(
    broker: EmbeddedBroker, trainer: Trainer
) -> None:
    kafka = broker.settings()
    file_reports(kafka, range(150))
    file_reports(kafka, range(1000, 1001), status="Exercise")
    with Sender(kafka) as sender:
        sender.send(topics.CRIME_REPORTS, b"rivertown/2000", b"\xff not json")
        sender.send(topics.CRIME_REPORTS, None, None)
    places = [topics.PRIORITIES, topics.PRIORITIES_EXERCISE, topics.dead_letters(topics.CRIME_REPORTS)]
    drills = '["rivertown"]'
    with scorer(kafka, trainer.trusted, drills_from=drills) as running, Reader(kafka, places) as reader:
        address = running.ready()
        file_reports(kafka, range(150, 300))
        records = read_until(reader, lambda records: len(records) >= 304)
        answers = [record for record in records if record.topic == topics.PRIORITIES]
        priorities = priorities_of(answers)
        assert sorted(int(priority.report_id) for priority in priorities) == [*range(300), 2000]
        assert {priority.decided_by for priority in priorities} <= {"fallback", "rule"}
        assert all(priority.degraded for priority in priorities)
        assert {dict(record.headers)["severity.delivery"] for record in answers} == {b"at-least-once"}
        assert {(record.topic, record.key) for record in records if record not in answers} == {
            ("priorities-exercise", b"rivertown/1000"),
            ("crime-reports.dlq", b"rivertown/2000"),
            ("crime-reports.dlq", None),
        }
        seen = scrape(address)
        assert seen['severity_delivery_info{delivery="at-least-once"}'] == 1
        assert seen['severity_dead_letters_total{reason="tombstone"}'] == 1
        assert seen["severity_degraded_seconds_total"] > 0
        assert running.end() == 0
        worried = [line for line in running.lines if "WARNING" in line or "ERROR" in line]
        assert len(worried) == sum("dead letter: " in line for line in worried) == 2


def test_a_signal_ends_it_cleanly_and_the_next_one_goes_on_where_it_stopped(
    broker: EmbeddedBroker, trainer: Trainer
) -> None:
    kafka = broker.settings()
    with Reader(kafka, [topics.PRIORITIES]) as responder:
        for number, numbers in ((signal.SIGTERM, range(50)), (signal.SIGINT, range(50, 100))):
            file_reports(kafka, numbers)
            with scorer(kafka, trainer.trusted) as running:
                running.ready()
                records = read_until(responder, lambda records: len(records) >= 50)
                assert {int((record.key or b"").split(b"/")[1]) for record in records} == set(numbers)
                assert running.end(number) == 0


def test_a_fault_of_our_own_ends_it_with_one_clear_line(
    broker: EmbeddedBroker, trainer: Trainer, tmp_path: Path
) -> None:
    absent = tmp_path / "no-such-policy.toml"
    with scorer(broker.settings(), trainer.trusted, policy=absent) as running:
        assert running.process.wait(120) == 1
    assert len(running.lines) == 1
    assert running.lines[0].startswith("severity scorer: ")
    assert str(absent) in running.lines[0]


def test_a_scorer_that_could_never_load_a_release_does_not_start(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with scorer(broker.settings(), tmp_path) as running:
        assert running.process.wait(120) == 1
    assert len(running.lines) == 1
    assert "public.pem" in running.lines[0]


def test_a_release_is_loaded_while_it_runs_and_the_refused_next_one_is_not(
    broker: EmbeddedBroker, trainer: Trainer, tmp_path: Path
) -> None:
    kafka = broker.settings()
    good, bad = trainer.release(10), trainer.release(11, key="stranger")
    with (
        scorer(kafka, trainer.trusted, high_water=tmp_path / "mark.json") as running,
        Reader(kafka, [topics.PRIORITIES]) as responder,
        Reader(kafka, [topics.MODEL_STATUS]) as status,
    ):
        address = running.ready()
        file_reports(kafka, range(10))
        before = priorities_of(read_until(responder, lambda records: len(records) >= 10))
        assert {priority.model for priority in before} == {None}
        answers = []
        for signed in (good, bad):
            with Sender(kafka) as sender:
                sender.send(topics.MODEL_VERSIONS, *encode(signed.announcement("champion"), source="t", time=NOW))
            (record,) = read_until(status, bool)
            answers.append(decode(ModelStatus, record.key, record.value, record.headers))
        assert [(answer.release, answer.result, answer.reason) for answer in answers] == [
            (10, "loaded", None),
            (11, "refused", "untrusted-key"),
        ]
        file_reports(kafka, range(10, 20))
        after = priorities_of(read_until(responder, lambda records: len(records) >= 10))
        assert {priority.model.release for priority in after if priority.model} == {10}
        assert not any(priority.degraded for priority in after)
        seen = scrape(address)
        assert seen[f'severity_model_info{{digest="{good.digest}",name="severity",release="10"}}'] == 1
        assert seen['severity_model_reloads_total{result="loaded"}'] == 1
        assert seen['severity_model_reloads_total{result="untrusted-key"}'] == 1
        assert running.end() == 0

    with scorer(kafka, trainer.trusted, high_water=tmp_path / "mark.json") as running:
        running.ready()
        file_reports(kafka, range(20, 30))
        with Reader(kafka, [topics.PRIORITIES]) as responder:
            again = priorities_of(read_until(responder, lambda records: len(records) >= 30))
        newest = [priority for priority in again if int(priority.report_id) >= 20]
        assert {priority.model.release for priority in newest if priority.model} == {10}
        assert running.end() == 0
