"""Promises about labels that somebody tampered with: they are found and named, and honest ones are left in peace."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.trainer.days import Days, flipped, flooded
from tests.trainer.events import report
from trainer.judging.suspicion import Scored, flood, odd_labels
from trainer.training.job import Result

SEED, A_DAY, FIRST = 3, 240, 8


class Founded(NamedTuple):
    root: Path
    champion: str


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """Some days of three cities and the release that was made of them."""
    root = tmp_path_factory.mktemp("founded")
    days = Days(root, SEED, A_DAY)
    days.pass_by(FIRST)
    result = days.train()
    assert result.promoted, result.verdict
    return Founded(root, str(days.champion))


def next_day(founded: Founded, root: Path, tamper: object = None) -> Result:
    """The training after one more day, with the release from before."""
    days = Days(root, SEED, A_DAY)
    days.pass_by(FIRST)
    for folder in ("releases", "keys"):
        shutil.copytree(founded.root / folder, root / folder, dirs_exist_ok=True)
    days.champion, days.release = founded.champion, 1
    days.pass_by(1, tamper)
    return days.train()


def test_an_honest_day_is_promoted(founded: Founded, tmp_path: Path) -> None:
    result = next_day(founded, tmp_path)
    assert result.promoted, result.verdict
    assert result.version is not None
    assert result.version.metrics["champion_accuracy"] > result.version.metrics["majority_accuracy"]


def test_a_day_on_which_a_third_of_one_agencys_labels_are_flipped_is_not_promoted(
    founded: Founded, tmp_path: Path
) -> None:
    result = next_day(founded, tmp_path, flipped("northfield", 0.3))
    assert not result.promoted
    assert result.reason == "poisoned-labels"
    assert "northfield" in result.verdict
    assert "eastport" not in result.verdict
    assert result.version is not None
    assert result.version.role == "challenger"


def test_a_flood_of_one_report_is_not_promoted(founded: Founded, tmp_path: Path) -> None:
    result = next_day(founded, tmp_path, flooded(60))
    assert not result.promoted
    assert "flood: 6" in result.verdict
    assert "say the same as" in result.verdict


def labels(seed: int, n: int, flip: float) -> Scored:
    """Labels as the model expects them, of two agencies, the newest fifth of them new; `flip`: share of wrong ones."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.3] * 5, n)
    levels = np.array([rng.choice(5, p=each) for each in p]) + 1
    agency = rng.choice(np.array(["east", "west"], dtype=object), n)
    new = np.arange(n) >= n * 4 // 5
    wrong = new & (agency == "west") & (rng.random(n) < flip)
    levels[wrong] = levels[wrong] % 5 + 1
    day = np.full(n, np.datetime64("2026-03-01"))
    return Scored(agency, np.full(n, "solved"), day, levels, p, new)


@pytest.mark.parametrize("seed", range(5))
def test_flipped_labels_are_found_and_the_agency_named(seed: int) -> None:
    found = odd_labels(labels(seed, 1000, 0.3))
    assert "west" in found
    assert "east" not in found


def test_honest_labels_are_hardly_ever_suspected() -> None:
    assert sum(bool(odd_labels(labels(seed, 600, 0.0))) for seed in range(40)) == 0


def test_a_poisoned_day_among_clean_ones_stays_found() -> None:
    """A poisoned day is not promoted; when clean days follow, the labels of that day are still there."""
    scored = labels(1, 4000, 0.3)
    days = np.where(np.arange(4000) < 3600, np.datetime64("2026-03-01"), np.datetime64("2026-03-02"))
    clean = labels(1, 4000, 0.0)
    mixed = np.where(np.arange(4000) < 3600, clean.levels, scored.levels)
    found = odd_labels(Scored(scored.agency, scored.basis, days, mixed, scored.probabilities, scored.new))
    assert "west" in found


def test_reports_that_say_the_same_are_a_flood_only_above_their_usual_share() -> None:
    usual = [report(n, agency_incident_type=f"type {n % 90}", victims=n % 3) for n in range(300)]
    same = [report(1000 + n, agency_incident_type="ARSON", victims=n % 5) for n in range(40)]
    assert flood(usual[:200], usual[200:]) == ""
    assert "riverton/r1000" in flood(usual[:200] + same, usual[200:])
    assert flood(usual[:200] + same, usual[200:] + same) == ""


def test_with_nothing_to_compare_there_is_no_suspicion() -> None:
    assert flood([], []) == ""
    scored = labels(1, 1000, 0.3)
    assert odd_labels(Scored(*(each[scored.new] for each in (
        scored.agency, scored.basis, scored.day, scored.levels, scored.probabilities, scored.new)))) == ""  # fmt: skip
