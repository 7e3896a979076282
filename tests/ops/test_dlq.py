"""Promises of `severity dlq` on a real Kafka: what is sent again is sent once, as it was, and nothing else."""

import json
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from cli.main import app
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from tests.stream.standin import NOW
from transport import dead_letters
from transport.dead_letters import AT_ONCE, IDENTITY, TOGETHER, Place
from transport.errors import NotDelivered
from transport.office import FencingSender
from transport.records import FIRST_FAILURE, DeadLetter, Record
from transport.sender import Sender
from transport.settings import KafkaSettings, transactional_properties
from transport.topics import TopicSpec, create_topics

pytestmark = pytest.mark.kafka

REASON = "handler-error"


class Desk:
    """An agency's topic with dead letters, and the command."""

    def __init__(self, servers: str) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=servers, client=AT_ONCE)
        self.topic = f"t{uuid.uuid4().hex[:10]}.crime-reports"
        self.dlq = f"{self.topic}.dlq"
        create_topics(self.kafka, [TopicSpec(self.topic, 2), TopicSpec(self.dlq)])

    def letters(self, count: int, reason: str = REASON, *, bare: bool = False) -> None:
        """Set so many sound reports aside."""
        with Sender(self.kafka) as sender:
            for number in range(count):
                report = CrimeReport(agency_id="rivertown", report_id=str(number), reported_at=NOW)
                key, value, headers = encode(report, source="cad", time=NOW)
                record = Record(self.topic, 1, number, key, value, tuple(headers), 0)
                sender.send(*DeadLetter(record, reason, "of our own making").outgoing(NOW, bare=bare))

    def __call__(self, *arguments: str) -> Result:
        environment = {"SEVERITY_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers, "COLUMNS": "200"}
        return CliRunner().invoke(app, ["dlq", *arguments], env=environment)

    def redrive(self) -> str:
        done = self("redrive", "--all", "--topic", self.dlq)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def sent(self) -> list[Record]:
        """What is on the agency's topic, by key."""
        return sorted(dead_letters.everything(self.kafka, [self.topic]), key=lambda record: record.key or b"")


@pytest.fixture
def desk(kafka: str) -> Desk:
    return Desk(kafka)


def test_letters_are_sent_again_as_they_were_and_a_second_redrive_sends_nothing(desk: Desk) -> None:
    desk.letters(3)
    assert desk.redrive() == "3 sent again, 0 had been before"
    assert desk.redrive() == "0 sent again, 3 had been before"
    sent = desk.sent()
    reports = [decode(CrimeReport, record.key, record.value, record.headers) for record in sent]
    assert [report.report_id for report in reports] == ["0", "1", "2"]
    names = [name for name, _ in sent[0].headers]
    assert FIRST_FAILURE in names, "a letter of a second failure tells of the first"
    assert not [name for name in names if name.startswith("severity.error.") and name != FIRST_FAILURE]
    listed = json.loads(desk("list", "--topic", desk.dlq, "--json").stdout)
    assert [one["state"] for one in listed] == ["sent again"] * 3, "receipts are no letters"


def test_a_redrive_that_breaks_off_goes_on_where_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.letters(TOGETHER + 5)
    flush: Callable[[FencingSender], None] = FencingSender.flush
    flushes: list[int] = []

    def breaks_off(sender: FencingSender) -> None:
        flushes.append(1)
        if len(flushes) == 2:
            raise NotDelivered("timed-out", "the broker went away")
        flush(sender)

    with monkeypatch.context() as broken:
        broken.setattr(FencingSender, "flush", breaks_off)
        assert desk("redrive", "--all", "--topic", desk.dlq).exit_code == 1
    assert desk.redrive() == f"5 sent again, {TOGETHER} had been before"
    assert len({record.key for record in desk.sent()}) == len(desk.sent()) == TOGETHER + 5


def test_of_two_who_redrive_at_once_the_earlier_sends_nothing_more(desk: Desk) -> None:
    desk.letters(1)
    earlier = FencingSender(desk.kafka, IDENTITY)
    earlier.send(desk.topic, b"rivertown/0", b"the same letter")
    assert desk.redrive() == "1 sent again, 0 had been before"
    with pytest.raises(NotDelivered, match="fenced"):
        earlier.flush()
    assert len(desk.sent()) == 1


def test_receipts_behind_an_open_transaction_are_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.letters(1)
    monkeypatch.setattr(dead_letters, "PATIENCE_SECONDS", 2.0)
    scorer = Producer(transactional_properties(desk.kafka.for_group(f"g{uuid.uuid4().hex}"), 0))
    scorer.init_transactions(10)
    flush: Callable[[FencingSender], None] = FencingSender.flush

    def after_a_scorers_letter(sender: FencingSender) -> None:
        scorer.begin_transaction()
        scorer.produce(desk.dlq, b"of a batch that is not committed yet")
        scorer.flush()
        flush(sender)

    with monkeypatch.context() as beside:
        beside.setattr(FencingSender, "flush", after_a_scorers_letter)
        assert desk.redrive() == "1 sent again, 0 had been before"
    refused = desk("redrive", "--all", "--topic", desk.dlq)
    assert refused.exit_code == 1
    assert "open transaction" in refused.output
    scorer.abort_transaction(10)
    assert desk.redrive() == "0 sent again, 1 had been before"
    assert len(desk.sent()) == 1


def test_what_failed_again_is_left_alone_until_it_is_named(desk: Desk) -> None:
    desk.letters(1)
    desk.redrive()
    (again,) = desk.sent()
    with Sender(desk.kafka) as sender:
        sender.send(*DeadLetter(again, "invalid", "still").outgoing(NOW))
    assert desk.redrive() == "0 sent again, 1 had been before"
    (letter,) = [one for one in dead_letters.letters(desk.kafka, [desk.dlq]) if one.came_back]
    assert letter.error("first_failure") == NOW.isoformat()
    assert desk("redrive", str(letter.place)).stdout.startswith("1 sent again")
    assert len(desk.sent()) == 2


def test_letters_are_chosen_by_reason_or_place_and_shown_before_anything_is_sent(desk: Desk) -> None:
    desk.letters(2)
    desk.letters(2, reason="not-json")
    dry = desk("redrive", "--all", "--topic", desk.dlq, "--reason", "not-json", "--dry-run")
    assert dry.stdout.splitlines()[-1] == "2 to send"
    assert not desk.sent()
    desk("redrive", "--all", "--topic", desk.dlq, "--reason", "not-json")
    assert len(desk.sent()) == 2
    assert desk("redrive", str(Place(desk.dlq, 0, 0))).exit_code == 0
    assert len(desk.sent()) == 3
    listed = desk("list", "--topic", desk.dlq).stdout
    assert "4 dead letters" in listed
    assert "waiting" in listed


def test_a_letter_without_its_body_is_not_sent_and_said_so(desk: Desk) -> None:
    desk.letters(1, bare=True)
    done = desk("redrive", "--all", "--topic", desk.dlq)
    assert done.exit_code == 1
    assert "have its writer send it again" in done.output
    assert not desk.sent()


def test_a_body_is_shown_on_demand_alone(desk: Desk) -> None:
    desk.letters(1)
    place = str(Place(desk.dlq, 0, 0))
    shown = json.loads(desk("show", place).stdout)
    assert shown["reason"] == REASON
    assert shown["from"] == f"{desk.topic}/1@0"
    assert "body" not in shown
    assert "rivertown" in json.loads(desk("show", place, "--body").stdout)["body"]
    assert desk("show", str(Place(desk.dlq, 0, 99))).exit_code == 1
    assert desk("show", "nonsense").exit_code == 2
