"""`severity train --once` as a person runs it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from schemas import topics
from schemas.envelope import decode
from schemas.model_version import ModelVersion
from schemas.topics import all_topics
from severity.artefact.keys import load_trusted, new_pair
from severity.artefact.reading import load, verify
from tests.trainer.city import solved_cases
from tests.trainer.events import Outbox, records
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.traces import traces
from transport.embedded import EmbeddedBroker
from transport.reader import Reader

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def test_one_training_makes_a_release_that_verifies_and_announces_it_and_its_training_set_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, outcomes = solved_cases(250)
    Intake(Dataset(tmp_path / "dataset"), Outbox(), AuditDraw(b"", 0), lambda: NOW).take(
        records(reports) + records(outcomes)
    )
    private, public = new_pair(tmp_path / "keys")
    with EmbeddedBroker({topic.name: topic.partitions for topic in all_topics()}) as broker:
        settings = {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "SEVERITY_KAFKA__EMBEDDED": "true",
            "SEVERITY_KAFKA__DELIVERY": "at-least-once",
            "SEVERITY_TRAINER__DATASET": str(tmp_path / "dataset"),
            "SEVERITY_TRAINER__ARTEFACTS": str(tmp_path / "releases"),
            "SEVERITY_TRAINER__SIGNING_KEY": str(private),
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "train", "--once"],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert "done" in done.stderr
        with Reader(broker.settings(), [topics.MODEL_VERSIONS]) as reader:
            announced = []
            while not (announced and reader.caught_up):
                announced += [decode(ModelVersion, r.key, r.value, r.headers) for r in reader.read(10, 1.0)]
    champion = announced[-1]
    assert champion.role == "champion"
    verified = verify(
        champion.location, load_trusted(public), minimum_release=1, digest=champion.digest, now=datetime.now(UTC)
    )
    assert load(verified).ref.release == champion.release == 1
    dataset = Dataset(tmp_path / "dataset")
    (written,) = dataset.query("SELECT release, rows, outcomes, result FROM trainings").to_pylist()
    assert written == {"release": 1, "rows": champion.rows, "outcomes": 250, "result": "promoted"}
    model = (tmp_path / "releases" / champion.digest / "model.joblib").read_bytes()
    for report in reports[::50]:
        assert report.report_id.encode() not in model
        assert traces(tmp_path / "releases", report.agency_id, report.report_id) == []

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    again = CliRunner().invoke(app, ["train", "--as-of", "1"])
    assert again.exit_code == 0, again.output
    assert f"release 1: the same {champion.rows} rows, digest {verified.manifest.training_set}" in again.stdout
    gone = f"{reports[7].agency_id}/{reports[7].report_id}"
    erased = CliRunner().invoke(app, ["erase", "--report", gone, "--no-kafka"])
    assert erased.exit_code == 0, erased.output
    assert "no file of the dataset or of the releases holds it" in erased.stdout
    again = CliRunner().invoke(app, ["train", "--as-of", "1"])
    assert again.exit_code == 0, again.output
    assert f"release 1: {champion.rows - 1} of {champion.rows} rows" in again.stdout
    assert "1 reports were erased since" in again.stdout
    assert CliRunner().invoke(app, ["train", "--as-of", "2"]).exit_code == 1
