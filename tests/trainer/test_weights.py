"""Labels that are no fair sample of all reports, weighted so that they stand for them."""

import numpy as np
import pytest

from trainer.training.weights import TRIM, chances, fitting, judging

NAN = float("nan")


def test_a_label_that_its_case_told_was_certain_whether_or_not_it_was_audited() -> None:
    found = chances(np.array([NAN, 0.05, 0.05]), np.array([True, True, False]))
    np.testing.assert_array_equal(found, [1.0, 1.0, 0.05])


@pytest.mark.parametrize("probability", [NAN, 0.0, -0.1, 1.1])
def test_a_label_that_nothing_told_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="by an audit"):
        chances(np.array([probability]), np.array([False]))


def test_over_many_draws_of_the_audit_the_weighted_figure_is_that_of_all_reports() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(20_000) < 0.8
    solved = rng.random(20_000) < np.where(right, 0.25, 0.05)  # what is solved is easier to get right
    estimates, naive = [], []
    for _ in range(200):
        audited = rng.random(20_000) < 0.05
        known = solved | audited
        chance = chances(np.where(audited, 0.05, NAN)[known], solved[known])
        estimates.append(np.average(right[known], weights=judging(chance)))
        naive.append(right[known].mean())
    assert np.mean(estimates) == pytest.approx(right.mean(), abs=4 * np.std(estimates) / 200**0.5)
    assert np.mean(naive) > right.mean() + 0.05


def test_audited_reports_that_are_solved_as_well_do_not_make_the_solved_count_twice() -> None:
    solved = np.arange(1000) < 500
    audited = np.arange(1000) % 20 == 0
    known = solved | audited
    weight = judging(chances(np.where(audited, 0.05, NAN)[known], solved[known]))
    assert np.average(solved[known], weights=weight) == pytest.approx(0.5)


def test_in_a_fit_the_inverse_is_tempered_and_trimmed_and_the_mean_weight_is_one() -> None:
    weight = fitting(np.array([1.0, 0.05, 1e-6]))
    assert weight.mean() == pytest.approx(1.0)
    assert weight[1] / weight[0] == pytest.approx(5.0, abs=0.1)
    assert weight[2] / weight[0] == pytest.approx(TRIM)


def test_where_every_label_is_known_all_count_alike() -> None:
    everything = chances(np.array([0.05, NAN, NAN]), np.ones(3, dtype=bool))
    np.testing.assert_allclose(fitting(everything), 1.0)
    np.testing.assert_allclose(judging(everything), 1.0)


def test_weights_halve_with_each_half_life_and_no_clock_makes_a_label_count_more() -> None:
    weight = fitting(np.ones(4), age=np.array([20.0, 10.0, 0.0, -5.0]), half_life=10.0)
    np.testing.assert_allclose(weight / weight[2], [0.25, 0.5, 1.0, 1.0])


def test_no_labels_have_no_weights() -> None:
    assert len(fitting(np.zeros(0))) == len(judging(np.zeros(0))) == 0
