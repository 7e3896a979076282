"""The page on backups, tried: its own commands copy and restore what a trainer keeps."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.stream.running import scorer, scrape_until
from tests.trainer.city import solved_cases
from tests.trainer.test_service import CASES, Service, decided, send
from trainer.dataset.dataset import Dataset
from transport.embedded import EmbeddedBroker

PAGE: Final = Path(__file__).parents[2] / "docs" / "backup.md"
SECONDS: Final = 90.0
LATER: Final = 30


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics(2)}) as started:
        yield started


def wait_until(enough: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not enough():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def block(heading: str) -> str:
    """The commands below a heading of the page."""
    found = re.search(rf"## {heading}\n.*?```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def run(commands: str, folder: Path, environment: dict[str, str]) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=folder,
        env={**os.environ, **environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def gone(folder: Path) -> bool:
    """Remove it; another process of the trainer's may still have written to it."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_what_is_lost_comes_back_from_a_copy_and_from_kafka(broker: EmbeddedBroker, tmp_path: Path) -> None:
    root, copy = tmp_path / "machine", tmp_path / "copy"
    root.mkdir()
    copy.mkdir()
    new_pair(root / "keys")
    reports, outcomes = solved_cases(CASES + LATER)
    environment = {
        "BACKUP": str(copy),
        "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "SEVERITY_KAFKA__EMBEDDED": "true",
        "SEVERITY_KAFKA__DELIVERY": "at-least-once",
    }

    service = Service(broker, root)
    service.wait_for("ready")
    send(broker, *reports[:CASES], *[decided(report, 2) for report in reports[:CASES]], *outcomes[:CASES])
    assert service.wait_for("trained")["result"] == "promoted"
    assert service.end() == 0
    run(block("Back up"), root, environment)

    service = Service(broker, root)
    service.wait_for("ready")
    send(broker, *reports[CASES:], *outcomes[CASES:])
    wait_until(lambda: Dataset(root / "dataset")["outcomes"].count() == CASES + LATER, "it goes on after the copy")
    service._process.kill()
    service._process.wait()
    for lost in ("dataset", "releases", "keys"):
        wait_until(partial(gone, root / lost), "what it had under way ends with it")

    commands = block("Restore").replace("severity doctor --service trainer\n", "")  # the demo's broker cannot be asked
    assert "severity model verify 1" in commands
    run(commands, root, environment)
    service = Service(broker, root)
    service.wait_for("ready")
    wait_until(lambda: Dataset(root / "dataset")["outcomes"].count() >= CASES + LATER, "Kafka has the rest")
    assert service.end() == 0, service.lines
    assert not [line for line in service.lines if '"missed"' in line or '"training"' in line]
    stored = Dataset(root / "dataset").query("SELECT report_id FROM reports")["report_id"].to_pylist()
    assert sorted(stored) == sorted(report.report_id for report in reports), "each once"
    with scorer(broker.settings(), root / "keys") as running:
        address = running.ready()
        scrape_until(address, 'severity_model_reloads_total{result="loaded"}', lambda seen: seen == 1)
        assert running.end() == 0
