"""Figures that can be checked by hand."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from severity import metrics

TRUTH = [1, 2, 2, 5, 5, 3]
PREDICTED = [1, 2, 3, 5, 2, 3]


def test_accuracy_f1_and_far_misses() -> None:
    assert metrics.accuracy(TRUTH, PREDICTED) == pytest.approx(4 / 6)
    assert metrics.macro_f1(TRUTH, PREDICTED) == pytest.approx((1 + 1 / 2 + 2 / 3 + 2 / 3) / 4)  # level 4 never occurs
    assert metrics.weighted_f1(TRUTH, PREDICTED) == pytest.approx((1 + 2 * 1 / 2 + 2 / 3 + 2 * 2 / 3) / 6)
    assert metrics.far_misses(TRUTH, PREDICTED) == pytest.approx(1 / 6)


def test_each_level_has_its_figures_even_when_it_never_occurs() -> None:
    figures = metrics.per_level(TRUTH, PREDICTED)
    assert tuple(figures[5]) == pytest.approx((1.0, 0.5, 2 / 3, 2))
    assert figures[4] == metrics.LevelFigures(0.0, 0.0, 0.0, 0)


def test_confusion_has_a_row_for_each_true_level() -> None:
    counts = metrics.confusion(TRUTH, PREDICTED)
    assert counts.sum() == 6
    assert counts[4].tolist() == [0, 1, 0, 0, 1]


def test_kappa_is_one_for_agreement_and_counts_a_far_miss_more() -> None:
    assert metrics.quadratic_kappa(TRUTH, TRUTH) == 1
    near, far = [1, 2, 2, 5, 4, 3], [1, 2, 2, 5, 1, 3]
    assert metrics.quadratic_kappa(TRUTH, near) > metrics.quadratic_kappa(TRUTH, far)


def test_top_recall_is_of_the_share_flagged() -> None:
    p = np.zeros((10, 5))
    p[:, 4] = np.arange(10) / 10
    truth = [1, 1, 1, 1, 1, 5, 1, 1, 5, 5]
    assert metrics.top_recall(truth, p, 0.2) == pytest.approx(2 / 3)
    assert metrics.top_recall(truth, p, 0.5) == 1
    assert math.isnan(metrics.top_recall([1] * 10, p, 0.2))


def test_log_loss_and_calibration_of_known_probabilities() -> None:
    p = np.tile([0.6, 0.1, 0.1, 0.1, 0.1], (10, 1))
    truth = [1] * 6 + [2] * 4
    assert metrics.log_loss(truth, p) == pytest.approx(-0.6 * math.log(0.6) - 0.4 * math.log(0.1))
    assert metrics.calibration_error(truth, p) == pytest.approx(0.0)
    assert metrics.calibration_error([1] * 10, p) == pytest.approx(0.4)


def test_coverage_is_counted_by_level_with_its_interval() -> None:
    sets = np.zeros((4, 5), dtype=bool)
    sets[:3, 0] = True
    found = metrics.set_coverage([1, 1, 1, 1], sets)
    assert found[1].share == 0.75
    assert found[1].low < 0.75 < found[1].high
    assert math.isnan(found[5].share)
    assert (found[5].low, found[5].high, found[5].support) == (0, 1, 0)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (45, 50), (3, 1000)])
def test_the_interval_is_wilsons(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert metrics.wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
