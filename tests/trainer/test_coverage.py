"""Promises of the sets' calibration: on labels that stand for all reports, and judged on later ones."""

import numpy as np

from trainer.judging.coverage import calibrate, coverage


def drawn(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and levels that come true as often as they say."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.7] * 5, n)
    return p, np.array([rng.choice(5, p=each) for each in p]) + 1


def test_coverage_is_measured_on_later_reports_than_those_that_calibrate() -> None:
    """Were it not, the broken second half would hide behind sets fitted to it."""
    p, levels = drawn(4000)
    weights, basis = np.ones(4000), np.full(4000, "audited")
    assert 0.86 < coverage(p, levels, weights, basis)["coverage_5"] < 0.94
    later = np.arange(4000) >= 2000
    p[later] = p[later][:, ::-1]
    assert coverage(p, levels, weights, basis)["coverage_5"] < 0.7


def test_a_level_that_only_clearance_told_of_is_always_plausible() -> None:
    p, levels = drawn(2000)
    basis = np.where(levels == 4, "solved", "audited")
    sets = calibrate(p, levels, np.ones(2000), basis)
    assert sets.least_[3] == 0
    assert (sets.least_[[0, 1, 2, 4]] > 0).all()


def test_a_level_with_very_few_audited_labels_is_always_plausible() -> None:
    p, levels = drawn(2000)
    few = np.flatnonzero(levels == 4)[:5]
    audited = (levels != 4) | np.isin(np.arange(2000), few)
    kept = audited | (np.arange(2000) % 10 == 0)
    weights = np.where(audited & (levels == 4), 20.0, 1.0)
    basis = np.where(audited, "audited", "solved")
    assert calibrate(p[kept], levels[kept], weights[kept], basis[kept]).least_[3] == 0


def test_solved_reports_count_by_their_share_of_all_and_not_by_their_number() -> None:
    """Clearance picks the easy ones: unweighted sets would be too small for the others."""
    p, levels = drawn(20_000)
    own = p[np.arange(20_000), levels - 1]
    solved = own > 0.5
    audited = ~solved & (np.random.default_rng(2).random(20_000) < 0.1)
    seen = solved | audited
    weights = np.where(audited, 10.0, 1.0)
    basis = np.where(audited, "audited", "solved")
    weighted = calibrate(p[seen], levels[seen], weights[seen], basis[seen])
    plain = calibrate(p[seen], levels[seen], np.ones(seen.sum()), basis[seen])
    five = levels == 5
    held = [sets.plausible(p[five])[:, 4].mean() for sets in (weighted, plain)]
    assert abs(held[0] - 0.9) < 0.03
    assert held[1] < 0.8


def test_of_a_single_report_nothing_is_told() -> None:
    p, levels = drawn(1)
    assert coverage(p, levels, np.ones(1), np.array(["solved"])) == {}
