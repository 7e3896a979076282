"""Promises of `severity doctor`: it finds what is wrong, says what to do, and goes on looking."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from cli.doctor import cluster
from cli.doctor.finding import Findings
from cli.main import app
from cli.topics import topic_specs
from severity.artefact.keys import new_pair
from transport import inspection
from transport.inspection import Inspection
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there to answer."""
    monkeypatch.setattr(inspection, "SECONDS", 0.3)


class Round:
    """The command in a folder of its own; `found`: its findings by check."""

    def __init__(self, servers: str, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": servers,
            "SEVERITY_SCORER__TRUSTED_KEYS": str(folder / "keys"),
            "SEVERITY_SCORER__ARTEFACTS": str(folder / "releases"),
            "SEVERITY_TRAINER__ARTEFACTS": str(folder / "releases"),
            "SEVERITY_TRAINER__DATASET": str(folder / "dataset"),
            "SEVERITY_TRAINER__SIGNING_KEY": str(folder / "keys" / "severity.private.pem"),
            **environment,
        }

    def __call__(self, *arguments: str) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        done = CliRunner().invoke(app, ["doctor", "--json", *arguments], env=self.environment)
        found = {one["check"]: one for one in json.loads(done.stdout)}
        assert all(one["do"] for one in found.values() if one["state"] != "ok"), "each says what to do"
        return done.exit_code, found


@pytest.mark.usefixtures("impatient")
def test_without_a_broker_everything_else_is_looked_at_all_the_same(tmp_path: Path) -> None:
    new_pair(tmp_path / "keys")
    code, found = Round("127.0.0.1:1", tmp_path)()
    assert code == 1
    assert found["broker"]["state"] == "fail"
    assert found["signing key"]["state"] == found["trusted keys"]["state"] == "ok"
    assert found["disk of dataset"]["state"] in ("ok", "warn")


@pytest.mark.usefixtures("impatient")
def test_wrong_settings_and_keys_are_findings_and_no_trace(tmp_path: Path) -> None:
    new_pair(tmp_path / "keys")
    new_pair(tmp_path / "others")
    (tmp_path / "others" / "severity.private.pem").chmod(0o644)
    other = str(tmp_path / "others" / "severity.private.pem")
    examine = Round("127.0.0.1:1", tmp_path, SEVERITY_TRAINER__SIGNING_KEY=other)
    done = CliRunner().invoke(app, ["doctor"], env=examine.environment)
    assert done.exit_code == 1
    assert "is not among the scorer's trusted keys" in done.stdout
    assert "chmod 600" in done.stdout
    _, found = Round("127.0.0.1:1", tmp_path, SEVERITY_TRAINER__AUDIT_RATE="7")()
    assert "SEVERITY_TRAINER__AUDIT_RATE" in found["trainer settings"]["told"]


def test_what_a_broker_is_not_set_up_for_is_said_with_its_remedy() -> None:
    class Slow:
        def broker_config(self, _: int) -> Mapping[str, str]:
            name = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
            return {name: "10000", "group.min.session.timeout.ms": "6000", "auto.create.topics.enable": "true"}

    findings = Findings()
    cluster._broker(cast(Inspection, Slow()), [1], findings)
    assert [one.state for one in findings.found] == ["warn", "ok", "warn"]
    assert "set it to 1000" in findings.found[0].do


@pytest.mark.kafka
def test_a_cluster_as_it_should_be_passes_and_each_wrong_topic_is_named(kafka: str, tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    create_topics(settings, topic_specs())
    new_pair(tmp_path / "keys")
    agency, group = f"a{uuid.uuid4().hex[:8]}", f"g{uuid.uuid4().hex[:8]}"
    examine = Round(kafka, tmp_path, SEVERITY_SCORER__GROUP_ID=group)

    code, found = examine("--write")
    while "group" in found:  # the coordinator of a broker that has just started says nothing for a while
        code, found = examine("--write")
    assert not [one for one in found.values() if one["state"] == "fail"]
    assert code == 0
    assert found["topic model-versions"]["told"].startswith("1 partitions")
    assert found["clock"]["state"] == "ok"
    assert "this clock is 0." in found["clock"]["told"]
    assert found[f"group {group}"] == {
        "check": f"group {group}", "state": "warn", "told": "no scorer runs", "do": "severity scorer"
    }  # fmt: skip
    assert found["transaction.abort.timed.out.transaction.cleanup.interval.ms"]["state"] == "ok"

    code, found = examine("--agency", agency)
    assert code == 1
    assert found[f"topic {agency}.crime-reports"]["do"] == "severity topics apply"

    short = {"message.timestamp.type": "LogAppendTime", "retention.ms": "3600000"}
    create_topics(settings, [TopicSpec(f"{agency}.crime-reports"), TopicSpec(f"{agency}.solved-cases", config=short)])
    _, found = examine("--agency", agency)
    assert "message.timestamp.type=CreateTime" in found[f"topic {agency}.crime-reports"]["told"]
    assert found[f"topic {agency}.solved-cases"]["state"] == "warn"
    assert "1 hours" in found[f"topic {agency}.solved-cases"]["told"]


def test_a_clock_that_is_two_hours_off_is_found() -> None:
    findings = Findings()
    cluster._clock(-7200.0, findings)
    (one,) = findings.found
    assert one.state == "fail"
    assert "7200.0 s ahead of the broker's" in one.told
