"""Promise: what arrives while a training runs is stored at once, however long the fit takes."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.trainer.events import outcome, records, report
from trainer import service, term
from trainer.dataset.dataset import Dataset
from trainer.settings import TrainerSettings
from trainer.training.job import Result
from trainer.training.trainings import Trainings
from trainer.training.worker import Progress
from transport.embedded import EmbeddedBroker
from transport.sender import Sender

SECONDS: Final = 60.0


class Endless:
    """A training that ends only when it is killed."""

    progress = Progress("fitting", 0.5)

    def __init__(self, job: object, threads: int) -> None:
        self.killed = False
        running.append(self)

    def ended(self) -> bool:
        return False

    def result(self) -> Result:
        raise AssertionError("it has not ended")

    def kill(self) -> None:
        self.killed = True


running: list[Endless] = []


def until(condition: Callable[[], bool], stop: threading.Event) -> None:
    """Wait for what comes within seconds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        stop.wait(0.05)


def test_reports_are_stored_while_a_training_runs_and_its_end_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(term, "Trainings", partial(Trainings, start=Endless))
    private, _ = new_pair(tmp_path / "keys")
    stop, codes = threading.Event(), []
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics(2)}) as broker:
        settings = TrainerSettings(
            kafka=broker.settings(),
            dataset=tmp_path / "dataset",
            artefacts=tmp_path / "releases",
            signing_key=private,
            first_outcomes=3,
            batch_seconds=0.1,
            metrics_port=0,
        )
        serving = threading.Thread(target=lambda: codes.append(service.run(settings, stop=stop)), daemon=True)
        serving.start()
        with Sender(broker.settings()) as sender:

            def send(*events: object) -> None:
                for event in events:
                    for record in records([event]):
                        sender.send(record.topic, record.key, record.value, record.headers)

            send(*[report(n) for n in range(3)], *[outcome(n) for n in range(3)])
            until(lambda: bool(running), stop)
            send(*[report(n) for n in range(3, 40)])
            until(lambda: Dataset(tmp_path / "dataset")["reports"].count() == 40, stop)
        stop.set()
        serving.join()
    assert codes == [0]
    assert [one.killed for one in running] == [True]
