"""Promises of the running trainer, on the embedded broker: it stores, trains, announces, shows, and goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas import topics
from schemas.priority import Priority
from severity.artefact.keys import load_trusted, new_pair
from severity.artefact.reading import load, verify
from severity.artefact.store import open_store
from tests.trainer.city import solved_cases
from tests.trainer.events import priority, records
from trainer.dataset.dataset import Dataset
from trainer.releasing.publish import announced
from trainer.releasing.releases import champion, next_release, releases
from transport.embedded import EmbeddedBroker
from transport.sender import Sender

CASES = 250
RUN = """
import sys
from trainer.service import run
from trainer.settings import TrainerSettings
sys.exit(run(TrainerSettings()))
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics(2)}) as started:
        yield started


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainer")
    new_pair(folder / "keys")
    return folder


class Service:
    """`severity trainer` as a process; what it says on standard error is at hand by event."""

    def __init__(self, broker: EmbeddedBroker, root: Path, **settings: str) -> None:
        env = {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "SEVERITY_KAFKA__EMBEDDED": "true",
            "SEVERITY_KAFKA__DELIVERY": "at-least-once",
            "SEVERITY_TRAINER__METRICS_PORT": "0",
            "SEVERITY_TRAINER__DATASET": str(root / "dataset"),
            "SEVERITY_TRAINER__ARTEFACTS": str(root / "releases"),
            "SEVERITY_TRAINER__SIGNING_KEY": str(root / "keys" / "severity.private.pem"),
            "SEVERITY_TRAINER__BATCH_SECONDS": "0.2",
            "SEVERITY_TRAINER__LIVE_SECONDS": "0.1",
            "SEVERITY_TRAINER__FIRST_OUTCOMES": str(CASES),
            **{f"SEVERITY_TRAINER__{name}": value for name, value in settings.items()},
        }
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUN], env=os.environ | env, stderr=subprocess.PIPE, text=True
        )

    def wait_for(self, event: str) -> dict:
        """The next line with `event`; fails with all that was said when the process ends before."""
        for line in self._process.stderr:
            self.lines.append(line)
            if line.startswith("{") and json.loads(line)["event"] == event:
                return json.loads(line)
        pytest.fail(f"the trainer ended before it said {event}:\n{''.join(self.lines)}")

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        self.lines += self._process.communicate(timeout=60)[1].splitlines()
        return self._process.returncode


def scrape(address: str) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(address) as page:
        families = text_string_to_metric_families(page.read().decode())
        return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def send(broker: EmbeddedBroker, *events: object) -> None:
    with Sender(broker.settings()) as sender:
        for event in events:
            for record in records([event]):
                sender.send(record.topic, record.key, record.value, record.headers)


def decided(report: object, level: int) -> Priority:
    return priority(0, level=level).model_copy(
        update={"agency_id": report.agency_id, "report_id": report.report_id, "revision": report.revision}
    )


def test_it_stores_trains_announces_and_shows_how_good_the_priorities_were(broker: EmbeddedBroker, root: Path) -> None:
    reports, outcomes = solved_cases(CASES)
    service = Service(broker, root)
    address = service.wait_for("ready")["metrics"]
    send(broker, *reports, *[decided(report, 2) for report in reports], *outcomes)
    assert service.wait_for("training")["trigger"] == "first-outcomes"
    trained = service.wait_for("trained")
    assert trained["result"] == "promoted", trained
    found = scrape(address)
    assert service.end() == 0, service.lines

    assert found["severity_trainer_dataset_rows", "outcomes"] == CASES
    assert found["severity_trainer_events_total", "priorities"] == CASES
    assert found["severity_trainer_champion_release",] == 1
    assert found["severity_trainer_trainings_total", "first-outcomes", "promoted"] == 1
    assert found["severity_live_labels", "1", "all", "any", "published"] == CASES
    assert 0.1 < found["severity_live_accuracy_ratio", "1", "all", "any", "published"] < 0.6  # always 2: about a third
    versions = announced(broker.settings(), "severity")
    assert [version.role for version in versions] == ["release", "champion"]
    known = releases(open_store(root / "releases"), load_trusted(root / "keys"), "severity")
    assert next_release(versions, known) == 2
    last = champion(versions, known)
    assert last is not None
    now = last.created_at
    load(verify(last.location, load_trusted(root / "keys"), minimum_release=1, digest=last.digest, now=now))
    (training,) = Dataset(root / "dataset").query("SELECT result, release, outcomes FROM trainings").to_pylist()
    assert training == {"result": "promoted", "release": 1, "outcomes": CASES}


def test_a_restarted_trainer_goes_on_where_it_was_and_does_not_train_again(broker: EmbeddedBroker, root: Path) -> None:
    before = Dataset(root / "dataset")["reports"].count()
    service = Service(broker, root)
    found = scrape(service.wait_for("ready")["metrics"])
    send(broker, solved_cases(1, seed=99)[0][0].model_copy(update={"report_id": "late"}))
    stopped = threading.Event()
    while not stopped.is_set() and Dataset(root / "dataset")["reports"].count() == before:
        stopped.wait(0.1)
    assert service.end() == 0, service.lines
    assert not any('"training"' in line for line in service.lines)
    assert Dataset(root / "dataset")["reports"].count() == before + 1
    assert found["severity_trainer_champion_release",] == 1


def test_enough_new_outcomes_give_the_next_release(broker: EmbeddedBroker, root: Path) -> None:
    service = Service(broker, root, EVERY_OUTCOMES="50", COOL_DOWN_MINUTES="0")
    service.wait_for("ready")
    reports, outcomes = solved_cases(CASES + 60, seed=1)
    send(broker, *reports[CASES:], *outcomes[CASES:])
    assert service.wait_for("training")["trigger"] in {"new-outcomes", "daily"}
    assert service.wait_for("trained")["release"] == 2
    assert service.end() == 0, service.lines
    versions = announced(broker.settings(), "severity")
    assert max(version.release for version in versions) == 2


@pytest.mark.parametrize("wrong", [{"SIGNING_KEY": "nowhere.pem"}, {"AUDIT_RATE": "7"}, {"ZONE": "Mars/Base"}])
def test_settings_that_cannot_work_end_it_at_once_with_a_word(broker: EmbeddedBroker, root: Path, wrong: dict) -> None:
    service = Service(broker, root, **wrong)
    _, said = service._process.communicate(timeout=60)
    assert service._process.returncode != 0
    assert next(iter(wrong.values())) in said
