"""Promises of `bench.soak`: growth is found, and a short run of everything loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.soak import LEAST_MINUTES, SERVICES, demands, growth

MOST_GROWTH_IN_CI = 1.2
"""The bench's own 5 % is for twenty minutes: after two a trainer is not warm yet where others keep both cores busy.
In six runs at load averages of 15 to 100, far beyond two processes of tests, it grew by 1, 1, 3, 9, 11 and 13 %.
A leak of 6 kB a report is found."""


def test_what_grows_after_the_warm_up_is_found_and_what_fills_before_is_not() -> None:
    filling = [100.0 + min(second, 300) / 3 for second in range(1200)]
    assert growth(filling) == 1.0
    leaking = [100.0 + second / 60 for second in range(1200)]
    assert growth(leaking) > 1.1
    one_second = [100.0] * 1200
    one_second[900] = 500.0
    assert growth(one_second) == 1.0, "a moment's buffer is no growth"


def test_each_demand_can_fail_and_memory_is_not_judged_by_a_moment() -> None:
    flat, rising = [100.0] * 120, [100.0 + second for second in range(120)]
    well = {"filed": 24_000, "lost": 0, "doubled": 0}
    assert all(one.met for one in demands(dict.fromkeys(SERVICES, flat), well, LEAST_MINUTES, 200))
    assert not all(one.met for one in demands(dict.fromkeys(SERVICES, rising), well, LEAST_MINUTES, 200))
    for wrong in ({"lost": 1}, {"doubled": 1}, {"filed": 20_000}):
        assert not all(one.met for one in demands(dict.fromkeys(SERVICES, flat), well | wrong, LEAST_MINUTES, 200))
    assert len(demands(dict.fromkeys(SERVICES, rising), well, 0.5, 200)) == 3


@pytest.mark.kafka
@pytest.mark.timeout(900)  # its beginning and end take minutes more on a busy machine
def test_everything_runs_beside_each_other_for_a_while_and_nothing_is_lost_or_grows(kafka: str, tmp_path: Path) -> None:
    """On a Kafka of its own; that one can be had is what `kafka` is asked for.

    In CI two minutes at 200 reports/s, where the bench's demands count: none lost, none doubled, the rate. Memory may
    grow by `MOST_GROWTH_IN_CI` there. Elsewhere twelve seconds, in which rate and memory are not judged.
    """
    minutes, rate = ("2", "200") if os.environ.get("CI") else ("0.2", "50")
    command = [sys.executable, "-m", "bench.soak", "--minutes", minutes, "--rate", rate, "--json"]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, timeout=850, check=False)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["filed"] > 300
    assert all(min(values) > 0 for values in found["resident_mb"].values())
    assert (tmp_path / "soak.png").exists()
    if found["minutes"] >= LEAST_MINUTES:
        assert [one for one in found["demands"] if not one["met"] and not one["what"].startswith("memory")] == []
        grown = {name: growth(found["resident_mb"][name]) for name in SERVICES}
        assert max(grown.values()) <= MOST_GROWTH_IN_CI, grown
