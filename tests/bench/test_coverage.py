"""Promise of bench.coverage: splits by chance keep the coverage, whatever is known of those that calibrate."""

import numpy as np

from bench.coverage import by_audits, by_chance


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and levels that come true as often as they say."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet([0.7] * 5, n)
    return p, np.array([rng.choice(5, p=each) for each in p]) + 1


def test_by_chance_each_level_is_covered_as_aimed_at_even_where_reports_change_in_time() -> None:
    p, levels = drawn(4000)
    p[2000:] = p[2000:, ::-1]
    assert np.abs(by_chance(p, levels, 2000, 20).mean(axis=0) - 0.9).max() < 0.02


def test_solved_cases_that_are_the_easy_ones_do_not_make_sets_too_small_beside_an_audit() -> None:
    p, levels = drawn(12_000)
    solved = p[np.arange(12_000), levels - 1] > 0.7
    assert by_audits(p, levels, solved, 8000, 10).mean(axis=0).min() > 0.88
