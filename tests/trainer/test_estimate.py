"""Promises of the gauge that stands for all reports: it tells the truth of reports whose truth it never saw."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from trainer.judging.estimate import LEAST_GRADED, Estimate, Population, estimate

RATE = 0.05


class World:
    """Reports with a truth, decisions, what a model expects, and cases whose grave ones are solved more often."""

    def __init__(self, n: int, seed: int = 0, *, off: float = 0.0) -> None:
        """off: how far from the truth the model's probabilities are, from 0 to 1."""
        rng = np.random.default_rng(seed)
        self.truth = rng.choice(5, n, p=[0.15, 0.6, 0.06, 0.07, 0.12]) + 1
        honest = rng.dirichlet(np.ones(5) * 0.3, n) * 0.4 + 0.6 * np.eye(5)[rng.permutation(self.truth - 1)]
        right = rng.random(n) < 0.75 + 0.04 * self.truth
        self.decided = np.where(right, self.truth, rng.integers(1, 6, n))
        self.expected = off * honest + (1 - off) * (0.8 * np.eye(5)[self.decided - 1] + 0.04)
        self.solved = rng.random(n) < 0.03 * self.truth

    def population(self, turn: int, rate: float = RATE) -> Population:
        graded = np.random.default_rng((7, turn)).random(len(self.truth)) < rate
        seen = np.where(self.solved | graded, self.truth, 0)
        return Population(self.decided, self.expected, seen, self.solved, graded)

    @property
    def accuracy(self) -> float:
        return float(accuracy_score(self.truth, self.decided))

    @property
    def macro_f1(self) -> float:
        return float(f1_score(self.truth, self.decided, average="macro"))


def many(world: World, turns: int) -> list[Estimate]:
    return [estimate(world.population(turn)) for turn in range(turns)]


@pytest.mark.parametrize("off", [0.0, 1.0], ids=["a good model", "a model whose probabilities are nonsense"])
def test_over_many_audits_it_is_right_on_average_and_its_interval_covers_the_truth(off: float) -> None:
    world, turns = World(8_000, off=off), 120
    found = many(world, turns)
    for truth, figures in (
        (world.accuracy, [one.accuracy for one in found]),
        (world.macro_f1, [one.macro_f1 for one in found]),
    ):
        values = np.array([figure.value for figure in figures])
        assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(turns))
        assert np.mean([figure.lower <= truth <= figure.upper for figure in figures]) > 0.9
    solved = accuracy_score(world.truth[world.solved], world.decided[world.solved])
    assert abs(solved - world.accuracy) > 0.01  # what it is there to mend


def test_a_model_that_knows_more_makes_the_interval_narrower() -> None:
    good, bad = many(World(8_000, off=0.0), 10), many(World(8_000, off=1.0), 10)

    def width(found: list[Estimate]) -> float:
        return float(np.mean([one.accuracy.upper - one.accuracy.lower for one in found]))

    assert width(good) < width(bad)


def test_when_every_report_is_graded_it_is_the_truth_itself() -> None:
    world = World(3_000)
    found = estimate(world.population(0, rate=1.1))
    assert found.accuracy.value == pytest.approx(world.accuracy)
    assert found.macro_f1.value == pytest.approx(world.macro_f1)
    assert found.accuracy.lower == pytest.approx(found.accuracy.upper)


def test_of_reports_that_no_model_scored_it_speaks_too() -> None:
    world = World(20_000)
    world.expected[:] = np.nan
    inside = [abs(one.accuracy.value - world.accuracy) < 0.04 for one in many(world, 20)]
    assert np.mean(inside) > 0.9


def test_answers_that_come_late_do_not_make_old_reports_count_more() -> None:
    """The decisions get worse with time, and of the newest reports fewer are graded yet."""
    n, values = 8_000, []
    for turn in range(100):
        rng = np.random.default_rng(turn)
        time = np.linspace(0, 1, n)
        truth = rng.integers(1, 6, n)
        decided = np.where(rng.random(n) < 0.95 - 0.5 * time, truth, truth % 5 + 1)
        graded = rng.random(n) < 0.2 * (1 - 0.9 * time)
        never = np.zeros(n, dtype=bool)
        seen = Population(decided, np.full((n, 5), np.nan), np.where(graded, truth, 0), never, graded)
        values.append(estimate(seen).accuracy.value - np.mean(decided == truth))
    assert abs(np.mean(values)) < 0.005


def test_a_report_that_turns_out_to_be_no_crime_is_none_of_all_reports() -> None:
    world = World(20_000)
    nothing = np.random.default_rng(3).random(20_000) < 0.3
    world.truth[nothing] = 0
    world.decided[nothing] = 2
    found = many(world, 60)
    truth = np.mean(world.decided[~nothing] == world.truth[~nothing])
    assert np.mean([one.accuracy.value for one in found]) == pytest.approx(truth, abs=0.005)
    assert np.mean([one.accuracy.lower <= truth <= one.accuracy.upper for one in found]) > 0.85


def test_with_too_few_graded_reports_it_says_nothing() -> None:
    world = World(2_000)
    graded = np.flatnonzero(~world.solved)[: LEAST_GRADED - 1]
    seen = Population(
        world.decided,
        world.expected,
        np.where(world.solved, world.truth, 0),
        world.solved,
        np.isin(np.arange(2_000), graded),
    )
    found = estimate(seen)
    assert np.isnan([found.accuracy.value, found.accuracy.lower, found.macro_f1.upper]).all()
    assert (found.reports, found.graded, found.known) == (2_000, LEAST_GRADED - 1, int(world.solved.sum()))


def test_a_report_that_was_both_graded_and_solved_does_not_stand_for_the_unsolved() -> None:
    world = World(20_000)
    assert estimate(world.population(1)).graded < np.count_nonzero(np.random.default_rng((7, 1)).random(20_000) < RATE)
