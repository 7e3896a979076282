"""Promises of a training: what it writes can be verified and loaded, and whatever goes wrong leaves nothing behind."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from schemas.crime_report import CrimeReport
from severity.artefact import load, verify
from severity.keys import load_trusted, new_pair
from tests.trainer.city import solved_cases
from tests.trainer.events import Outbox, records
from trainer.audit import AuditDraw
from trainer.dataset import Dataset
from trainer.evaluation import evaluate
from trainer.gate import LEAST_ROWS, enough, judge
from trainer.intake import Intake
from trainer.job import Job
from trainer.training import train
from trainer.worker import TrainingFailed, Worker

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
    assert {"reading", "fitting the twin", "fitting to all"} <= set(stages)
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


def test_the_newest_reports_are_not_learned_from_by_the_model_that_is_judged(tmp_path: Path) -> None:
    asked = job(tmp_path, 300)
    scored: list[list[CrimeReport]] = []
    fitted: list[list[CrimeReport]] = []

    class Stop(Exception):
        pass

    class Spy:
        def fit(self, reports: list[CrimeReport], *_: object, **__: object) -> "Spy":
            fitted.append(reports)
            if len(fitted) == 2:
                raise Stop
            return self

        def predict_proba(self, reports: list[CrimeReport]) -> np.ndarray:
            scored.append(reports)
            return np.full((len(reports), 5), 0.2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.training.SeverityModel", Spy)
        with pytest.raises(Stop):
            train(asked, lambda stage, done: None)
    twin, everything = fitted
    assert len(twin) + len(scored[0]) == len(everything)
    assert max(one.reported_at for one in twin) <= min(one.reported_at for one in scored[0])


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


def test_a_model_that_is_no_better_than_the_majority_is_refused_with_the_reason() -> None:
    truth = np.array([2] * 60 + [5] * 40)
    always = np.tile([0.1, 0.6, 0.1, 0.1, 0.1], (100, 1))
    figures = evaluate(truth, always, older=truth, basis=np.array(["solved"] * 100))
    verdict = judge(*(figures[f"{who}{what}"] for who in ("", "majority_") for what in ("accuracy", "macro_f1")), 100)
    assert not verdict.passed
    assert "no better than the majority" in verdict.text


def test_a_better_model_passes() -> None:
    assert judge(0.8, 0.7, 0.6, 0.15, 100).passed
    assert not judge(0.59, 0.7, 0.6, 0.15, 100).passed


def test_one_level_alone_is_not_enough_to_learn_from() -> None:
    assert not enough(np.full(LEAST_ROWS, 3)).passed
    assert enough(np.array([3] * (LEAST_ROWS - 1) + [4])).passed


def test_audited_reports_have_figures_of_their_own() -> None:
    truth = np.array([1, 1, 2, 2])
    right = np.eye(5)[[0, 0, 1, 0]]
    figures = evaluate(truth, right, older=truth, basis=np.array(["audited", "solved", "solved", "audited"]))
    assert (figures["accuracy"], figures["audited_accuracy"], figures["audited_rows"]) == (0.75, 0.5, 2.0)
    assert all(np.isfinite(list(figures.values())))
