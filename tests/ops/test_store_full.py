"""The disk of the trainer's dataset is full: it says so, waits, and goes on by itself once there is room again."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas import topics
from schemas.crime_report import CrimeReport
from severity.artefact.keys import new_pair
from tests.faults.small_disk import fill, small_disk
from tests.stream.standin import NOW
from tests.trainer.test_service import Service, scrape, send
from trainer.dataset.dataset import Dataset
from transport.embedded import EmbeddedBroker

SECONDS = 60.0


def reports(numbers: range) -> list[CrimeReport]:
    return [CrimeReport(agency_id="rivertown", report_id=str(number), reported_at=NOW) for number in numbers]


def wait_until(enough: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not enough():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: 1 for topic in topics.all_topics()}) as started:
        yield started


def test_a_full_disk_interrupts_the_trainer_and_nothing_is_lost_or_stored_twice(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    new_pair(tmp_path / "keys")
    disk = tmp_path / "dataset"
    disk.mkdir()
    with small_disk(disk, megabytes=4):
        service = Service(broker, tmp_path)
        address = service.wait_for("ready")["metrics"]
        health = address.replace("/metrics", "/readyz")
        send(broker, *reports(range(100)))
        wait_until(lambda: Dataset(disk)["reports"].count() == 100, "what is filed is stored")

        fill(disk / "ballast")
        send(broker, *reports(range(100, 200)))
        said = service.wait_for("interrupted")
        assert said["reason"] == "store"
        assert "No space left on device" in said["error"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(health)
        assert "No space left on device" in json.loads(refused.value.read())["checks"]["work"]
        found = scrape(address)
        assert found["severity_trainer_interruptions_total", "store"] >= 1
        assert found["severity_ready", "work"] == 0
        assert urllib.request.urlopen(address.replace("/metrics", "/livez")).status == 200, "a restart would not help"

        (disk / "ballast").unlink()
        assert service.wait_for("ready")
        send(broker, *reports(range(200, 300)))
        wait_until(lambda: Dataset(disk)["reports"].count() >= 300, "it goes on where it was")
        assert scrape(address)["severity_ready", "work"] == 1
        assert service.end() == 0, service.lines
        stored = Dataset(disk).query("SELECT report_id FROM reports")["report_id"].to_pylist()
    assert sorted(map(int, stored)) == [*range(300)]
