"""Promises of the trainings of a running trainer: whatever becomes of one, intake goes on and all stays as it was."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from schemas import topics
from schemas.model_version import ModelVersion
from severity.artefact.keys import new_pair
from tests.trainer.events import Outbox
from trainer.dataset.dataset import Dataset
from trainer.metrics import TrainerMetrics
from trainer.settings import TrainerSettings
from trainer.training.job import Job, Result
from trainer.training.trainings import Trainings
from trainer.training.worker import Worker
from transport.embedded import EmbeddedBroker
from transport.errors import NotDelivered
from transport.office import FENCED

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
VERSION = ModelVersion(
    name="severity",
    role="champion",
    release=1,
    digest="0" * 64,
    location="releases/0",
    key_id="key",
    signature="A" * 86 + "==",
    created_at=NOW,
    expires_at=NOW,
    rows=500,
    metrics={"accuracy": 0.8},
    verdict="passed",
)
PASSED = Result(version=VERSION, promoted=True, verdict="passed", rows=500, seconds={})
REFUSED = PASSED.model_copy(update={"promoted": False, "reason": "poisoned", "verdict": "refused: poisoned"})
HELD_BACK = PASSED.model_copy(update={"promoted": False, "reason": "held", "verdict": "held: a person put it back"})

HANGS = "import time; time.sleep(1e6)"
CRASHES = "raise SystemExit(3)"
BABBLES = "print('{' * 10_000_000, flush=True); import time; time.sleep(1e6)"


def answers(result: Result) -> str:
    return f"print('''{{\"result\": {result.model_dump_json()}}}''')"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics(1)}) as started:
        yield started


class Scene:
    """Trainings whose child runs `program`, on a clock of our own."""

    def __init__(self, broker: EmbeddedBroker, folder: Path, program: str, sender: object | None = None) -> None:
        new_pair(folder / "keys")
        self.settings = TrainerSettings(
            kafka=broker.settings(),
            dataset=folder / "dataset",
            artefacts=folder / "releases",
            signing_key=folder / "keys" / "severity.private.pem",
            first_outcomes=100,
        )
        self.program = program
        self.now = NOW
        self.registry = CollectorRegistry()
        self.outbox = Outbox()
        self.dataset = Dataset(self.settings.dataset)
        metrics = TrainerMetrics(self.registry)
        self.trainings = Trainings(
            self.settings, self.dataset, sender or self.outbox, metrics, lambda: self.now, self._start
        )

    def _start(self, job: Job, threads: int) -> Worker:
        if self.program == "none":
            raise OSError("no more processes")
        self.worker = Worker(job, threads, ("-c", self.program))
        return self.worker

    def run(self, outcomes: int = 100) -> None:
        """Begin a training, wait for its child's end, deal with it."""
        self.trainings.step(outcomes)
        while not self.worker.ended():
            time.sleep(0.01)
        self.trainings.step(outcomes)

    def results(self) -> list[str]:
        rows = self.dataset.query("SELECT result FROM trainings ORDER BY started_at").to_pylist()
        return [row["result"] for row in rows]

    def count(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)


def test_a_stuck_training_is_killed_after_its_time_and_tried_again(broker: EmbeddedBroker, tmp_path: Path) -> None:
    scene = Scene(broker, tmp_path, HANGS)
    scene.trainings.step(100)
    scene.now += timedelta(minutes=59)
    scene.trainings.step(100)
    assert not scene.worker.ended()
    scene.now += timedelta(minutes=2)
    scene.trainings.step(100)
    assert scene.worker.ended()
    assert scene.results() == ["timed-out"]
    scene.program = answers(PASSED)
    scene.now += timedelta(minutes=61)
    scene.run()
    assert scene.results() == ["timed-out", "promoted"]


@pytest.mark.parametrize("program", [CRASHES, BABBLES], ids=["it crashes", "it says what nobody understands"])
def test_a_failed_training_announces_nothing_and_is_tried_again_after_the_cool_down(
    broker: EmbeddedBroker, tmp_path: Path, program: str
) -> None:
    scene = Scene(broker, tmp_path, program)
    scene.run()
    assert scene.results() == ["failed"]
    assert not scene.outbox.sent
    scene.program = answers(PASSED)
    scene.trainings.step(100)
    scene.now += timedelta(minutes=60)
    scene.run()
    assert scene.results() == ["failed", "promoted"]
    assert scene.count("severity_trainer_trainings_total", trigger="retry", result="promoted") == 1
    assert scene.outbox.flushed == 2


def test_a_training_that_cannot_even_begin_stops_nothing(broker: EmbeddedBroker, tmp_path: Path) -> None:
    scene = Scene(broker, tmp_path, "none")
    scene.trainings.step(100)
    scene.trainings.step(101)
    assert scene.count("severity_trainer_trainings_total", trigger="first-outcomes", result="failed") == 1


def test_a_release_that_cannot_be_announced_stops_nothing_unless_another_trainer_has_taken_over(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    class Broken(Outbox):
        reason = "timed-out"

        def flush(self) -> None:
            raise NotDelivered(self.reason, "no broker")

    sender = Broken()
    scene = Scene(broker, tmp_path, answers(PASSED), sender)
    scene.run()
    assert scene.count("severity_trainer_trainings_total", trigger="first-outcomes", result="failed") == 1
    assert scene.count("severity_trainer_champion_release") == 0
    sender.reason = FENCED
    scene.now += timedelta(minutes=60)
    with pytest.raises(NotDelivered):
        scene.run()


def test_the_gates_verdict_and_figures_are_gauges_and_its_refusals_are_counted(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    scene = Scene(broker, tmp_path, answers(REFUSED))
    scene.run()
    assert scene.results() == ["challenger"]
    assert scene.count("severity_gate_passed") == 0
    assert scene.count("severity_gate_figure", name="accuracy") == 0.8
    assert scene.count("severity_gate_refused_total", reason="poisoned") == 1
    assert scene.count("severity_trainer_champion_release") == 0


def test_drift_sets_off_a_training_that_the_day_would_not(broker: EmbeddedBroker, tmp_path: Path) -> None:
    scene = Scene(broker, tmp_path, answers(PASSED))
    scene.run()
    scene.now += timedelta(hours=2)
    scene.trainings.step(101)
    assert scene.results() == ["promoted"]
    scene.trainings.drifted()
    scene.program = answers(PASSED.model_copy(update={"version": VERSION.model_copy(update={"release": 2})}))
    scene.run(101)
    assert scene.count("severity_trainer_trainings_total", trigger="drift", result="promoted") == 1


def test_refusals_in_a_row_are_counted_over_a_restart_until_one_passes_and_not_what_waits_for_a_person(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    scene = Scene(broker, tmp_path, answers(REFUSED))
    shown = []
    for outcomes, what in enumerate((REFUSED, PASSED, REFUSED, HELD_BACK, REFUSED, PASSED), start=1):
        scene.program = answers(what)
        scene.now += timedelta(days=1)
        scene.run(100 * outcomes)
        restarted = CollectorRegistry()
        Trainings(scene.settings, scene.dataset, scene.outbox, TrainerMetrics(restarted), lambda: scene.now)
        shown.append([one.get_sample_value("severity_gate_refused_in_a_row") for one in (scene.registry, restarted)])
    assert shown == [[1, 1], [0, 0], [1, 1], [1, 1], [2, 2], [0, 0]]
    assert scene.count("severity_champion_figure", release="1", name="accuracy") == 0.8
