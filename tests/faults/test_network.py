"""The network between worker and broker slow, cut and silent: all is answered once, whatever went missing between."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.crew import Crew
from tests.faults.city import City
from tests.faults.far import Far, far, filing, staffed, work_off
from tests.faults.proxy import Direction

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

REPORTS = 400
LOAD_SECONDS = 4.0
CUT_SECONDS = 8.0
"""Longer than a transaction may last (5 s), and than the group waits for a member (6 s)."""


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


def describe(crew: Crew) -> str:
    said = [(one.code, [line for line in one.lines if " INFO " not in line][-4:]) for one in crew.exits]
    return f"exits {said}; {[line for line in crew.worker('0').lines if ' INFO ' not in line][-8:]}"


def test_nothing_is_lost_or_doubled_when_the_network_is_cut_under_load(distant: Far, staff: tuple[City, Crew]) -> None:
    place, crew = staff
    with filing(place, REPORTS, LOAD_SECONDS):
        time.sleep(LOAD_SECONDS / 3)
        distant.proxy.cut()
        crew.tend(CUT_SECONDS)
        distant.proxy.heal()
    work_off(place, crew)
    print(describe(crew))


@pytest.mark.parametrize("directions", [("requests",), ("answers",), ("requests", "answers")], ids="+".join)
def test_nothing_is_lost_or_doubled_when_the_network_is_silent_for_longer_than_a_session(
    distant: Far, staff: tuple[City, Crew], directions: tuple[Direction, ...]
) -> None:
    place, crew = staff
    with filing(place, REPORTS, LOAD_SECONDS):
        time.sleep(LOAD_SECONDS / 3)
        distant.proxy.silence(*directions)
        crew.tend(CUT_SECONDS)
        distant.proxy.heal()
    work_off(place, crew)
    print(describe(crew))


def test_a_slow_network_delays_and_loses_nothing(distant: Far, staff: tuple[City, Crew]) -> None:
    place, crew = staff
    distant.proxy.slow(0.05, 1e6 / 8)
    with filing(place, REPORTS, LOAD_SECONDS):
        pass
    work_off(place, crew)
    assert not crew.exits
