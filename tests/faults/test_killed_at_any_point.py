"""kill -9 at every point of a batch: nothing is lost or doubled, whether the worker is started again or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.worker import Worker
from tests.faults.city import City, city
from tests.faults.dying_scorer import POINTS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

REPORTS: Final = 120
NTH: Final = dict.fromkeys(POINTS, 3) | {"while validating": 70, "while producing": 70}
"""In the second or third batch, in the middle of it where a point is reached once a report."""

LEFT_OPEN: Final = ("while scoring", "while producing", "after sending offsets", "while committing")
"""Points after which the dead worker's transaction is in different states at the broker."""

HELD_SECONDS: Final = 30.0
"""Half of what a dead worker's open transaction holds its readers with Kafka's defaults. Here it is its timeout of 5 s,
the broker's look each second, and the group's 6 s until another worker has the partitions."""


@pytest.fixture(scope="module")
def alone(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city with one worker at a time."""
    with city(kafka, tmp_path_factory.mktemp("alone")) as made:
        yield made


@pytest.fixture(scope="module")
def watched(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city with a worker that lives on when others die."""
    with city(kafka, tmp_path_factory.mktemp("watched")) as made:
        made.worker("survivor").wait()
        yield made


def file_until_dead(place: City, worker: Worker) -> None:
    """File reports, slowly enough that they are many batches, until the worker has died of one."""
    while worker.process.poll() is None:
        place.file(10, seconds=0.1)
    assert worker.process.returncode not in (0, 1), "it ended by itself"


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_when_the_worker_is_killed_and_started_again(alone: City, point: str) -> None:
    alone.file(REPORTS)
    file_until_dead(alone, alone.worker(point=point, times=NTH[point]))
    restarted = alone.worker()
    assert alone.settle() < HELD_SECONDS
    assert restarted.close() == 0
    alone.assert_nothing_lost_or_doubled()


@pytest.mark.parametrize("point", LEFT_OPEN)
def test_another_worker_goes_on_and_readers_do_not_hang_when_one_is_killed_for_good(watched: City, point: str) -> None:
    file_until_dead(watched, watched.worker(f"killed {point}", point, NTH[point]))
    watched.file(REPORTS)
    assert watched.settle() < HELD_SECONDS
    watched.assert_nothing_lost_or_doubled()


def test_by_kip_848_another_worker_goes_on_as_soon(kafka: str, tmp_path: Path) -> None:
    with city(kafka, tmp_path, client={"group.protocol": "consumer"}) as place:
        place.worker("survivor").wait()
        file_until_dead(place, place.worker("killed", "while committing", NTH["while committing"]))
        place.file(REPORTS)
        assert place.settle() < HELD_SECONDS
        place.assert_nothing_lost_or_doubled()
