"""Promise of bench.gauge: the account of a stream is what many redrawn audits say of it."""

import numpy as np

from bench.gauge import Stream, account


def test_the_account_covers_the_truth_and_shows_how_far_the_solved_cases_alone_are_off() -> None:
    rng, n = np.random.default_rng(1), 6_000
    truth = rng.choice(5, n, p=[0.15, 0.6, 0.06, 0.07, 0.12]) + 1
    decided = np.where(rng.random(n) < 0.5 + 0.09 * truth, truth, rng.integers(1, 6, n))
    stream = Stream(
        names=[("riverton", f"r{row}") for row in range(n)],
        probabilities=0.8 * np.eye(5)[decided - 1] + 0.04,
        decided=decided,
        truth=truth,
        solved=rng.random(n) < 0.04 * truth,
        left=np.linspace(80, 1, n),
    )
    for delays in (False, True):
        accuracy, macro_f1 = account(stream, 0.05, 25, delays=delays)
        assert accuracy.truth == np.mean(truth == decided)
        assert min(accuracy.coverage, macro_f1.coverage) > 0.7
        assert abs(accuracy.mean - accuracy.truth) < 0.02 < accuracy.solved_only - accuracy.truth
        assert accuracy.graded < 0.05 * n
