"""The network between worker and broker slow, cut and silent: all is answered once, whatever went missing between.

What was seen of the workers: a cut network of 8 s they outlive, with new clients afterwards. A silent one they outlive,
too, or end by themselves with code 1 (their transaction was ended by the broker meanwhile, and its end, which is asked
for again, is refused), which of the two is a matter of the moment; a supervisor starts them again, as here.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.crew import Crew
from bench.memory import resident_mb
from tests.faults.city import City
from tests.faults.far import Far, far, filing, staffed, work_off
from tests.faults.proxy import Direction

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

REPORTS = 400
LOAD_SECONDS = 4.0
CUT_SECONDS = 8.0
"""Longer than a transaction may last (5 s), and than the group waits for a member (6 s)."""

SLOW = (0.05, 1e6 / 8)
"""Seconds of delay each way, and bytes a second of each connection."""

SLOW_SECONDS = 20.0
BACKLOG = 20_000
MOST_MORE_MB = 100
"""Of memory for a backlog: the client keeps 64 MB that are fetched (queued.max.messages.kbytes)."""


@pytest.fixture(scope="module")
def distant() -> Iterator[Far]:
    """A broker that these tests alone use."""
    with far() as made:
        yield made


@pytest.fixture
def staff(distant: Far, tmp_path: Path) -> Iterator[tuple[City, Crew]]:
    """A city with a worker, for one test."""
    with staffed(distant, tmp_path) as made:
        yield made
        distant.proxy.slow(0, 0)
        distant.proxy.heal()


def test_nothing_is_lost_or_doubled_when_the_network_is_cut_under_load(distant: Far, staff: tuple[City, Crew]) -> None:
    place, crew = staff
    with filing(place, REPORTS, LOAD_SECONDS):
        crew.tend(LOAD_SECONDS / 3)
        distant.proxy.cut()
        crew.tend(CUT_SECONDS)
        distant.proxy.heal()
    work_off(place, crew)
    assert {one.code for one in crew.exits} <= {1}


@pytest.mark.parametrize("directions", [("requests",), ("answers",), ("requests", "answers")], ids="+".join)
def test_nothing_is_lost_or_doubled_when_the_network_is_silent_for_longer_than_a_session(
    distant: Far, staff: tuple[City, Crew], directions: tuple[Direction, ...]
) -> None:
    place, crew = staff
    with filing(place, REPORTS, LOAD_SECONDS):
        crew.tend(LOAD_SECONDS / 3)
        distant.proxy.silence(*directions)
        crew.tend(CUT_SECONDS)
        distant.proxy.heal()
    work_off(place, crew)
    assert {one.code for one in crew.exits} <= {1}


def test_a_slow_network_loses_nothing_and_its_worker_stays(distant: Far, staff: tuple[City, Crew]) -> None:
    place, crew = staff
    distant.proxy.slow(*SLOW)
    with filing(place, REPORTS, LOAD_SECONDS):
        crew.tend(LOAD_SECONDS)
    work_off(place, crew)
    assert not crew.exits


def test_a_worker_whose_output_is_slow_goes_on_with_small_batches_in_its_group_and_with_little_memory(
    distant: Far, staff: tuple[City, Crew]
) -> None:
    """Reading is quick, writing is not, suddenly: the batch in hand is too large for its transaction's time.

    It is given up with its clients, once; those that follow are small enough.
    """
    place, crew = staff
    place.file(REPORTS)
    work_off(place, crew)
    process = crew.worker("0").process
    before = most = resident_mb(process.pid)
    distant.proxy.slow(*SLOW, "requests")
    place.file(BACKLOG)
    until = time.monotonic() + SLOW_SECONDS
    while time.monotonic() < until:
        crew.tend(0.5)
        most = max(most, resident_mb(process.pid))
    assert REPORTS < place.look() < len(place.filed), "nothing came through, or all at once"
    assert most - before < MOST_MORE_MB
    distant.proxy.slow(0, 0)
    work_off(place, crew)
    assert not crew.exits
    assert sum("revoked" in line or "lost:" in line for line in crew.worker("0").lines) <= 1
