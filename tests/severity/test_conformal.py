"""Each level is in its reports' prediction sets as often as promised, the rare ones, too."""

import numpy as np
import pytest

from severity.conformal import PredictionSets


def skewed(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are honest on the whole, of levels of which the fifth is rare and hard to tell."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n, 5)) + np.array([1.0, 2.0, 0.0, 0.0, -1.5])
    p = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1) + 1


def test_every_level_is_covered_the_rare_one_too() -> None:
    held_p, held_y = skewed(6000, 1)
    p, y = skewed(40000, 2)
    sets = PredictionSets(0.9).fit(held_p, held_y).plausible(p)
    for level in range(1, 6):
        assert 0.86 < sets[y == level, level - 1].mean() < 0.94


def test_a_level_without_held_out_reports_is_always_plausible() -> None:
    p, y = skewed(500, 1)
    fitted = PredictionSets().fit(p[y != 5], y[y != 5])
    assert fitted.counts_[4] == 0
    assert fitted.plausible(p)[:, 4].all()


def test_too_few_reports_to_promise_a_coverage_leave_the_level_plausible() -> None:
    """Of 8 reports not even the least probable one is below a tenth: 9/10 of 9 is more than 8."""
    p = np.full((8, 5), 0.2)
    assert PredictionSets(0.9).fit(p, [5] * 8).least_[4] == 0
    assert PredictionSets(0.9).fit(p[:1].repeat(9, axis=0), [5] * 9).least_[4] == pytest.approx(0.2)


def test_no_set_is_empty() -> None:
    p, y = skewed(2000, 3)
    assert PredictionSets(0.2).fit(p, y).plausible(p).any(axis=1).all()


def test_weights_speak_for_the_reports_they_stand_for() -> None:
    """Sure reports were drawn one in ten: weighted by ten they have their share again."""
    rng = np.random.default_rng(4)
    own = rng.random(20000)
    drawn = np.where(own > 0.5, rng.random(20000) < 0.1, True)
    p = np.column_stack([own, *[(1 - own) / 4] * 4])
    weights = np.where(own > 0.5, 10.0, 1.0)
    weighted = PredictionSets(0.8).fit(p[drawn], [1] * drawn.sum(), weights[drawn])
    assert weighted.least_[0] == pytest.approx(0.2, abs=0.03)
    assert PredictionSets(0.8).fit(p[drawn], [1] * drawn.sum()).least_[0] < 0.15


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0])
def test_an_impossible_coverage_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="coverage"):
        PredictionSets(coverage)


def test_shapes_and_levels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        PredictionSets().fit(np.zeros((3, 4)), [1, 2, 3])
    with pytest.raises(ValueError, match="levels"):
        PredictionSets().fit(np.zeros((3, 5)), [0, 2, 3])
