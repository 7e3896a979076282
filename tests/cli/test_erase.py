"""`severity erase` as a person runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from schemas import topics
from tests.trainer.events import START, Outbox, outcome, records, report
from trainer.audits.draw import AuditDraw
from trainer.audits.key import secret
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from transport.embedded import EmbeddedBroker
from transport.sender import Sender


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("SEVERITY_TRAINER__DATASET", str(tmp_path / "dataset"))
    monkeypatch.setenv("SEVERITY_TRAINER__ARTEFACTS", str(tmp_path / "releases"))
    made = Dataset(tmp_path / "dataset")
    key = secret(None, tmp_path / "dataset")
    Intake(made, Outbox(), AuditDraw(key, 1), lambda: START).take(
        records([report(1), report(2)]) + records([outcome(1), outcome(2)])
    )
    return made


def test_it_says_what_went_what_is_left_and_where(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker({topic.name: 1 for topic in topics.all_topics()}) as broker:
        monkeypatch.setenv("SEVERITY_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        monkeypatch.setenv("SEVERITY_KAFKA__EMBEDDED", "true")
        monkeypatch.setenv("SEVERITY_KAFKA__DELIVERY", "at-least-once")
        with Sender(broker.settings()) as sender:
            (record,) = records([report(1)])
            sender.send(record.topic, record.key, record.value, record.headers)
        done = CliRunner().invoke(app, ["erase", "--report", "riverton/r1"])
    assert done.exit_code == 0, done.output
    assert "riverton/r1: erased 1 of reports, 0 of priorities, 1 of outcomes" in done.stdout
    assert "no file of the dataset or of the releases holds it" in done.stdout
    assert "Kafka still holds crime-reports/0 at offset 0: the broker does not tell how long" in done.stdout
    assert dataset["reports"].count() == 1
    listed = json.loads(CliRunner().invoke(app, ["audit", "list", "--json"]).stdout)
    assert {one["report_id"] for one in listed["open"]} == {"r2"}


def test_what_was_erased_is_told_though_no_broker_answers(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.dataset.elsewhere.elsewhere", _away)
    done = CliRunner().invoke(app, ["erase", "--report", "riverton/r1", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["erased_rows"] == {"reports": 1, "priorities": 0, "outcomes": 1}
    assert "nobody answers" in said["kafka"]["not_asked"]


def _away(*_: object) -> None:
    from transport.errors import NoBroker

    raise NoBroker("unreachable", "nobody answers")


def test_a_file_that_still_holds_it_is_named_and_the_exit_code_says_so(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "dataset" / "backup.json").write_text('{"report_id": "r1"}')
    done = CliRunner().invoke(app, ["erase", "--report", "riverton/r1", "--no-kafka"])
    assert done.exit_code == 1
    assert "backup.json" in done.stdout
    assert "Kafka was not asked (--no-kafka)" in done.stdout


@pytest.mark.parametrize("name", ["riverton", "/r1", "riverton/"])
def test_a_name_that_is_no_report_erases_nothing(dataset: Dataset, name: str) -> None:
    assert CliRunner().invoke(app, ["erase", "--report", name]).exit_code == 2
    assert dataset["reports"].count() == 2
