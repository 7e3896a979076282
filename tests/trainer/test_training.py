"""Promises of a training: what it writes can be verified and loaded, and whatever goes wrong leaves nothing behind."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from schemas.crime_report import CrimeReport
from severity.artefact.keys import load_trusted, new_pair
from severity.artefact.reading import load, verify
from severity.model import SeverityModel
from severity.told import Told
from tests.trainer.city import solved_cases
from tests.trainer.events import Outbox, records
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.training.job import Job
from trainer.training.run import train
from trainer.training.worker import TrainingFailed, Worker

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def job(root: Path, rows: int) -> Job:
    """A training on `rows` cases of the simulated city."""
    reports, outcomes = solved_cases(rows)
    intake = Intake(Dataset(root / "dataset"), Outbox(), AuditDraw(b"", 0), lambda: NOW)
    intake.take(records(reports) + records(outcomes))
    private, _ = new_pair(root / "keys")
    return Job(
        dataset=root / "dataset",
        artefacts=root / "releases",
        signing_key=private,
        levels=None,
        model_name="severity",
        release=7,
        parent="a" * 64,
        now=NOW,
        expires_days=30,
    )


def finish(worker: Worker) -> list[str]:
    """Wait for the end; the stages that were seen."""
    stages = []
    while not worker.ended():
        stages.append(worker.progress.stage.partition(":")[0])
        time.sleep(0.01)
    return list(dict.fromkeys(stages))


def test_a_training_in_its_own_process_gives_a_release_that_a_scorer_can_verify_and_load(tmp_path: Path) -> None:
    asked = job(tmp_path, 250)
    worker = Worker(asked, threads=1)
    stages = finish(worker)
    result = worker.result()
    version = result.version
    assert version is not None
    assert result.promoted, result.verdict
    assert version.role == "champion"
    assert {"reading", "fitting"} <= set(stages)
    verified = verify(
        version.location, load_trusted(tmp_path / "keys"), minimum_release=7, digest=version.digest, now=NOW
    )
    loaded = load(verified)
    assert loaded.manifest.rows == result.rows
    assert loaded.manifest.parent == "a" * 64
    assert loaded.manifest.marks == dict(Dataset(asked.dataset).marks())
    assert loaded.manifest.metrics["accuracy"] > loaded.manifest.metrics["majority_accuracy"]
    assert loaded.scorer.score(loaded.golden).probabilities.shape == (len(loaded.golden), 5)
    assert "twin" in Path(tmp_path / "releases" / version.digest / "card.md").read_text()


def test_the_newest_reports_are_not_learned_from_by_the_models_that_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = job(tmp_path, 300)
    learned: list[int] = []
    newest: dict[int, int] = {}
    scored: list[int] = []
    fit, predict = SeverityModel.fit, SeverityModel.predict_proba

    def note_fit(self: SeverityModel, told: Told, *arguments: object, **named: object) -> SeverityModel:
        learned.append(len(told))
        newest[id(self)] = max(told.days)
        return fit(self, told, *arguments, **named)

    def note_predict(self: SeverityModel, reports: list[CrimeReport]) -> np.ndarray:
        if not reports[0].report_id.startswith("golden"):
            scored.append(len(reports))
            assert min(one.reported_at.toordinal() for one in reports) >= newest[id(self)]
        return predict(self, reports)

    monkeypatch.setattr(SeverityModel, "fit", note_fit)
    monkeypatch.setattr(SeverityModel, "predict_proba", note_predict)
    train(asked, lambda stage, done: None)
    assert sorted(learned) == [240, 300]
    assert scored == [60]


def test_with_too_few_labels_nothing_is_written(tmp_path: Path) -> None:
    result = train(job(tmp_path, 60), lambda stage, done: None)
    assert result.version is None
    assert not result.promoted
    assert "fewer than" in result.verdict
    assert not (tmp_path / "releases").exists()


def test_a_killed_training_leaves_no_release(tmp_path: Path) -> None:
    worker = Worker(job(tmp_path, 400), threads=1)
    while worker.progress.stage != "reading" and not worker.progress.stage.startswith("fitting"):
        time.sleep(0.01)
    worker.kill()
    with pytest.raises(TrainingFailed):
        worker.result()
    assert not list(tmp_path.glob("releases/*"))


def test_a_failed_training_is_told(tmp_path: Path) -> None:
    worker = Worker(job(tmp_path, 20).model_copy(update={"signing_key": tmp_path / "none.pem"}), threads=1)
    finish(worker)
    with pytest.raises(TrainingFailed, match="code 1"):
        worker.result()
