"""`severity model` as a person runs it, on the embedded broker and a real store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from schemas.model_status import ModelStatus
from severity.artefact.manifest import MODEL
from severity.artefact.reading import load, verify
from severity.artefact.store import open_store
from severity.artefact.writing import Signed
from tests.artefact.releases import NOW, Maker, maker
from tests.trainer.events import Outbox, records
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.releasing.publish import announce, announced
from trainer.releasing.releases import champion, hold, releases
from transport.embedded import EmbeddedBroker
from transport.sender import Sender
from transport.settings import KafkaSettings

REASON = ("--reason", "too many fives at night", "--by", "ann")


class Office:
    """A trainer's machine with a broker; `first` scored before `second`, which scores now; `loser` failed its gate."""

    def __init__(self, kafka: KafkaSettings, case: Maker) -> None:
        self.kafka, self.case = kafka, case
        self.first = case.release(release=1, parent=None)
        self.second = case.release(release=2, parent=self.first.digest, metrics={"accuracy": 0.81, "macro_f1": 0.72})
        self.loser = case.release(release=3, role="challenger", verdict="refused: no better than the majority")
        with Sender(kafka) as sender:
            for signed in (self.first, self.second, self.loser):
                announce(sender, signed.announcement())

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["model", *arguments])

    def says(self, *arguments: str) -> Any:
        """The JSON object of a command that succeeds."""
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def answer(self, signed: Signed, instance: str, result: str = "loaded", reason: str | None = None) -> None:
        status = ModelStatus.model_validate(
            {"instance": instance, "name": "severity", "release": signed.manifest.release, "digest": signed.digest,
             "result": result, "reason": reason, "at": NOW}
        )  # fmt: skip
        with Sender(self.kafka) as sender:
            sender.send(topics.MODEL_STATUS, *encode(status, source="scorer", time=NOW))


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    case = maker(tmp_path)
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics()}) as broker:
        kafka = broker.settings()
        for name, value in {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "SEVERITY_KAFKA__EMBEDDED": "true",
            "SEVERITY_KAFKA__DELIVERY": "at-least-once",
            "SEVERITY_TRAINER__DATASET": str(tmp_path / "dataset"),
            "SEVERITY_TRAINER__ARTEFACTS": str(case.base),
            "SEVERITY_TRAINER__SIGNING_KEY": str(tmp_path / "keys" / "severity.private.pem"),
        }.items():
            monkeypatch.setenv(name, value)
        yield Office(kafka, case)


def test_the_list_tells_what_scores_how_good_it_is_and_who_has_it(office: Office) -> None:
    office.answer(office.second, "scorer-0")
    office.answer(office.second, "scorer-1", "refused", "other-versions")
    rows = {row["release"]: row for row in office.says("list")["releases"]}
    assert [row["release"] for row in rows.values()] == [3, 2, 1]
    assert {number: row["scores"] for number, row in rows.items()} == {1: False, 2: True, 3: False}
    assert rows[2]["loaded_by"] == ["scorer-0"]
    assert rows[2]["refused_by"] == {"scorer-1": "other-versions"}
    assert rows[3]["role"] == "challenger"
    shown = office.run("list").stdout
    for said in ("0.810", "0.720", "scorer-0", "other-versions", "scores", "challenger", "no better than"):
        assert said in shown


def test_what_is_announced_and_not_in_the_store_is_told(office: Office) -> None:
    forged = office.second.announcement("champion").model_copy(update={"release": 900, "digest": "f" * 64})
    with Sender(office.kafka) as sender:
        announce(sender, forged)
    said = office.says("list")
    assert "900 (ffffffffffff)" in said["notes"][0]
    assert next(row["release"] for row in said["releases"] if row["scores"]) == 2


def test_show_gives_the_manifest_and_the_answers(office: Office) -> None:
    office.answer(office.first, "scorer-0", "refused", "old-release")
    said = office.says("show", "1")
    assert said["manifest"]["release"] == 1
    assert [answer["reason"] for answer in said["answers"]] == ["old-release"]
    shown = office.run("show", office.first.digest[:10]).stdout
    assert "scorer-0: refused: old-release" in shown


def test_verify_says_good_or_why_not_by_its_exit_code(office: Office) -> None:
    assert office.says("verify", "2")["result"] == "good"
    assert "golden rows: 16" in office.run("verify", office.second.location).stdout
    (office.case.base / office.second.digest / MODEL).write_bytes(b"another model")
    spoiled = office.run("verify", "2")
    assert spoiled.exit_code == 1
    assert "wrong-content" in spoiled.stderr


def test_verify_with_other_keys_refuses(office: Office, tmp_path: Path) -> None:
    stranger = maker(tmp_path / "stranger").trusted_file
    refused = office.run("verify", office.second.location, "--keys", str(stranger), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["reason"] == "untrusted-key"


def test_the_card_is_there_in_words_and_as_json(office: Office) -> None:
    assert office.says("card", "2")["facts"]["release"] == 2
    words = office.run("card", "2").stdout
    assert words.startswith("# severity, release 2")
    assert words == (office.case.base / office.second.digest / "card.md").read_text()


def last(office: Office) -> Any:
    known = releases(open_store(office.case.base), office.case.keys, "severity")
    versions = announced(office.kafka, "severity")
    now = champion(versions, known)
    assert now is not None
    manifest = next(one.manifest for one in known if one.digest == now.digest)
    load(verify(now.location, office.case.keys, minimum_release=now.release, digest=now.digest, now=NOW))
    return manifest, hold(now, known)


def test_a_rollback_is_a_new_release_that_carries_the_old_one_and_holds_the_trainer(office: Office) -> None:
    done = office.run("rollback", *REASON)
    assert done.exit_code == 0, done.output
    manifest, held = last(office)
    assert (manifest.release, manifest.role, manifest.parent) == (4, "champion", office.second.digest)
    assert manifest.decision.restores == office.first.digest
    assert (manifest.decision.by, manifest.decision.reason) == ("ann", "too many fives at night")
    assert manifest.files[MODEL] == office.first.manifest.files[MODEL]
    assert held is not None
    promoted = office.run("promote", "2", *REASON)
    assert promoted.exit_code == 0, promoted.output
    manifest, held = last(office)
    assert (manifest.release, manifest.decision.restores, held) == (5, office.second.digest, None)


def test_a_person_promotes_a_challenger_and_the_manifest_keeps_what_the_gate_had_said(office: Office) -> None:
    assert office.run("promote", "3", *REASON).exit_code == 0
    manifest, held = last(office)
    assert (manifest.release, manifest.decision.kind, held) == (4, "promote", None)
    assert "no better than the majority" in manifest.verdict
    assert "ann" in manifest.verdict


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("promote", "2"), "scores already"),
        (("promote", "77"), "no properly signed release 77"),
        (("rollback", "3"), "never passed the gate"),
        (("rollback", "2"), "scores already"),
    ],
)
def test_a_decision_that_makes_no_sense_changes_nothing(office: Office, arguments: tuple[str, ...], why: str) -> None:
    done = office.run(*arguments, *REASON)
    assert done.exit_code == 1
    assert why in done.stderr
    assert len(office.says("list")["releases"]) == 3


def test_a_decision_without_a_reason_is_none(office: Office) -> None:
    assert office.run("rollback").exit_code == 2
    assert office.run("rollback", "--reason", "  ").exit_code == 1
    assert len(office.says("list")["releases"]) == 3


def test_what_was_spoiled_is_not_brought_back(office: Office) -> None:
    (office.case.base / office.first.digest / MODEL).write_bytes(b"another model")
    done = office.run("rollback", *REASON)
    assert done.exit_code == 1
    assert "wrong-content" in done.stderr


def filed(office: Office, tmp_path: Path) -> list[CrimeReport]:
    reports = [report.model_copy(update={"report_id": f"r{n}"}) for n, report in enumerate(office.case.golden)]
    intake = Intake(Dataset(tmp_path / "dataset"), Outbox(), AuditDraw(b"", 0), lambda: NOW)
    intake.take(records(reports))
    return reports


def test_the_difference_between_a_release_and_itself_is_none(office: Office, tmp_path: Path) -> None:
    reports = filed(office, tmp_path)
    said = office.says("diff", "1")
    assert (said["before"], said["after"], said["all"]["reports"], said["all"]["changed"]) == (2, 1, len(reports), 0)
    assert set(said["groups"]) == {"area", "place type", "source"}
    assert "no report changes its level" in office.run("diff", "1").stdout


def test_the_difference_counts_only_the_last_days(office: Office, tmp_path: Path) -> None:
    filed(office, tmp_path)
    assert 0 < office.says("diff", "1", "--days", "0.2")["all"]["reports"] < 16
