"""The broker's disk is full: it stops, as Kafka does when its only disk fails; with room again nothing is lost."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.crew import Crew
from tests.conftest import absent
from tests.faults.city import SECONDS, city
from tests.faults.far import filing, work_off
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]

DISK_MB = 64
REPORTS = 500
LOAD_SECONDS = 5.0


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own at `folder`, gone at the end."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        absent("a small disk: needs Linux and root")
    options = ["-t", "tmpfs", "-o", f"size={DISK_MB}m"]
    done = subprocess.run(["mount", *options, "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        absent(f"a small disk: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write until there is no room for one byte more."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))


def wait_until_it_has_ended(broker: LocalKafka) -> None:
    deadline = time.monotonic() + SECONDS
    with contextlib.suppress(NoBroker):
        while broker.nodes[0].listens():
            assert time.monotonic() < deadline, "a full disk does not bother the broker"
            time.sleep(0.1)
    broker.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker whose data, and nothing else, is on a small disk."""
    data = tmp_path / "broker" / "data"
    data.mkdir(parents=True)
    with small_disk(data):
        try:
            with LocalKafka(data.parent, heap_mb=256) as broker:
                yield broker
        except NoBroker as error:
            absent(f"a local Kafka: {error}")


def test_nothing_is_lost_or_doubled_when_the_disk_of_the_broker_is_full(own: LocalKafka, tmp_path: Path) -> None:
    ballast = own.folder / "data" / "ballast"
    with city(own.bootstrap_servers, tmp_path) as place, Crew(place.worker, ["0"]) as crew:
        crew.wait_until_ready()
        with filing(place, REPORTS, LOAD_SECONDS):
            crew.tend(1.0)
            fill(ballast)
            wait_until_it_has_ended(own)
            assert "No space left on device" in own.nodes[0].log.read_text()
            ballast.unlink()
            own.start()
        work_off(place, crew)
