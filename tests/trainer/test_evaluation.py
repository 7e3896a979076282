"""Promises of the figures: the right ones, for all reports where weights say so, with intervals that tell the truth."""

import numpy as np
import pytest

from severity import confusion as of
from trainer.judging.evaluation import CANDIDATE, GUARDED, TOP, Judged, evaluate
from trainer.judging.resampling import interval, resampled


def judged(truth: np.ndarray, weights: np.ndarray | None = None, guarded: np.ndarray | None = None) -> Judged:
    n = len(truth)
    return Judged(
        truth,
        np.ones(n) if weights is None else weights,
        np.zeros(n, dtype=bool) if guarded is None else guarded,
    )


def saying(levels: np.ndarray, sure: float = 0.9) -> np.ndarray:
    probabilities = np.full((len(levels), 5), (1 - sure) / 4)
    probabilities[np.arange(len(levels)), levels - 1] = sure
    return probabilities


def test_figures_are_given_raw_and_as_for_all_reports() -> None:
    truth = np.array([1, 1, 2, 2])
    found = evaluate(judged(truth, np.array([1.0, 1.0, 1.0, 9.0])), {CANDIDATE: saying(np.array([1, 2, 2, 1]))}).figures
    assert found["accuracy"] == 0.5
    assert found["all_accuracy"] == pytest.approx(2 / 12)
    assert found["rows_2"] == 2
    assert np.isfinite(list(found.values())).all()


def test_guarded_recall_is_lost_where_a_domestic_report_is_understated_only() -> None:
    truth, guarded = np.array([4, 4, 2, 5]), np.array([True, True, True, False])
    found = evaluate(judged(truth, guarded=guarded), {CANDIDATE: saying(np.array([4, 2, 3, 1]))}).figures
    assert found[GUARDED] == pytest.approx(2 / 3)


def test_answers_without_doubt_have_no_log_loss_or_calibration() -> None:
    truth = np.array([1, 2, 3, 4, 5] * 4)
    found = evaluate(judged(truth), {CANDIDATE: saying(truth), "rules": saying(truth, 1.0)}).figures
    assert "rules_accuracy" in found
    assert not {"rules_log_loss", "rules_calibration_error"} & found.keys()


def test_the_recall_at_a_flag_rate_counts_the_likeliest_fifth() -> None:
    truth = np.array([5, 5, 1, 1, 1, 1, 1, 1, 1, 1])
    p = saying(np.ones(10, dtype=int))
    p[[0, 4], 4] = 0.5
    assert evaluate(judged(truth), {CANDIDATE: p}).figures[TOP] == 0.5


def test_the_interval_of_a_difference_is_paired() -> None:
    """Two models that err on the same reports differ by nothing, however unsure each one's own figure is."""
    rng = np.random.default_rng(1)
    truth = rng.integers(1, 6, 400)
    decided = np.where(rng.random(400) < 0.6, truth, rng.integers(1, 6, 400))
    found = evaluate(judged(truth), {CANDIDATE: saying(decided), "champion": saying(decided, 0.8)})
    own, difference = found.intervals["champion", "accuracy"], found.differences["champion", "accuracy"]
    assert own.high - own.low > 0.05
    assert tuple(difference) == (0, 0, 0)


def test_the_interval_of_a_share_is_as_wide_as_theory_says() -> None:
    hits = (np.arange(2000) % 4 == 0).astype(float)
    found = interval(resampled(hits[:, None])[:, 0] / 2000)
    assert found.value == 0.25
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 2000), rel=0.1)


def test_the_same_training_gives_the_same_intervals() -> None:
    columns = np.random.default_rng(1).random((50, 3))
    assert (resampled(columns) == resampled(columns)).all()


def test_figures_of_many_confusions_at_once_are_those_of_each() -> None:
    rng = np.random.default_rng(3)
    many = rng.integers(0, 9, (7, 5, 5)).astype(float)
    for figure in (of.accuracy, of.macro_f1, of.weighted_f1, of.quadratic_kappa, of.grave_recall, of.harm_recall):
        np.testing.assert_allclose(figure(many), [figure(one) for one in many])


def test_figures_agree_with_those_of_scikit_learn() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(3)
    truth, decided, w = rng.integers(1, 6, 300), rng.integers(1, 5, 300), rng.random(300)
    c = of.confusion(truth, decided, w)
    assert of.accuracy(c) == pytest.approx(metrics.accuracy_score(truth, decided, sample_weight=w))
    for average, mine in (("macro", of.macro_f1), ("weighted", of.weighted_f1)):
        theirs = metrics.f1_score(truth, decided, average=average, sample_weight=w, zero_division=0.0)
        assert mine(c) == pytest.approx(theirs)
    kappa = metrics.cohen_kappa_score(truth, decided, labels=[1, 2, 3, 4, 5], weights="quadratic", sample_weight=w)
    assert of.quadratic_kappa(c) == pytest.approx(kappa)


def test_harm_counts_by_the_days_of_the_level() -> None:
    c = of.confusion([5, 1, 1], [1, 1, 5])
    assert of.harm_recall(c) == pytest.approx(4 / (2555 + 4))
