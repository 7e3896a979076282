"""A broker's disk is full: it stops, as Kafka does when its only disk fails, and others go on; later it is back.

On three brokers, since Apache Kafka 4.3.1 alone on one may forget to end transactions when it stops so (see
`test_broker_away`).
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.crew import Crew
from tests.conftest import absent
from tests.faults.city import SECONDS, city
from tests.faults.far import filing, work_off
from tests.faults.small_disk import fill, small_disk
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka
from transport.local_node import Node

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]

BROKERS = 3
DISK_MB = 64
REPORTS = 500
LOAD_SECONDS = 5.0


def wait_until_it_has_ended(node: Node) -> None:
    deadline = time.monotonic() + SECONDS
    with contextlib.suppress(NoBroker):
        while node.listens():
            assert time.monotonic() < deadline, "a full disk does not bother the broker"
            time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalKafka]:
    """Three brokers; the data of the first, and nothing else, are on a small disk."""
    folder = tmp_path / "kafka"
    data = folder / "node-1" / "data"
    data.mkdir(parents=True)
    with small_disk(data, DISK_MB):
        try:
            with LocalKafka(folder, brokers=BROKERS, heap_mb=256) as made:
                yield made
        except NoBroker as error:
            absent(f"a local Kafka: {error}")


def test_nothing_is_lost_or_doubled_when_the_disk_of_a_broker_is_full(cluster: LocalKafka, tmp_path: Path) -> None:
    first = cluster.nodes[0]
    ballast = first.folder / "data" / "ballast"
    with (
        city(cluster.bootstrap_servers, tmp_path, replication=BROKERS) as place,
        Crew(place.worker, ["0"]) as crew,
    ):
        crew.wait_until_ready()
        with filing(place, REPORTS, LOAD_SECONDS):
            crew.tend(1.0)
            fill(ballast)
            wait_until_it_has_ended(first)
        assert "No space left on device" in first.log.read_text()
        work_off(place, crew)  # with two brokers of three
        ballast.unlink()
        cluster.stop(0)
        cluster.start(0)
        place.file(REPORTS)
        work_off(place, crew)
        assert {one.code for one in crew.exits} <= {1}  # a client that hangs is ended, and started again
