"""Promises of the gate: what is worse is refused with the reason, and what is not passes."""

import numpy as np
import pytest

from trainer.judging import gate
from trainer.judging.evaluation import CANDIDATE, Evaluation, Judged, evaluate
from trainer.judging.gate import LEAST_ROWS, Check, enough
from trainer.judging.groups import losses
from trainer.judging.holdout import calibration_by_chance, cut_of

RNG = np.random.default_rng(5)
MANY = 4000
TRUTH = RNG.choice([1, 2, 3, 4, 5], MANY, p=[0.3, 0.4, 0.1, 0.1, 0.1])
GUARDED = RNG.random(MANY) < 0.2


def right_for(share: float, truth: np.ndarray = TRUTH, seed: int = 1) -> np.ndarray:
    """Probabilities of a model that is right for a share of the reports, the same ones for a greater share."""
    rng = np.random.default_rng(seed)
    decided = np.where(rng.random(len(truth)) < share, truth, truth % 5 + 1)
    p = np.full((len(truth), 5), (1 - share) / 4)
    p[np.arange(len(truth)), decided - 1] = share
    return p


def judge(models: dict[str, np.ndarray], rows: int = MANY) -> Evaluation:
    judged = Judged(TRUTH[:rows], np.ones(rows), GUARDED[:rows])
    majority = np.tile([0.3, 0.4, 0.1, 0.1, 0.1], (rows, 1))
    return evaluate(judged, {name: p[:rows] for name, p in models.items()} | {"majority": majority})


def test_one_level_alone_is_not_enough_to_learn_from() -> None:
    assert enough(np.full(LEAST_ROWS, 3)).reason == "one-level"
    assert enough(np.full(LEAST_ROWS - 1, 3)).reason == "too-few-rows"
    assert enough(np.array([3] * (LEAST_ROWS - 1) + [4])).passed


def test_a_candidate_as_good_as_the_champion_passes_and_one_clearly_worse_does_not() -> None:
    assert gate.not_worse(judge({CANDIDATE: right_for(0.8), "champion": right_for(0.8)}), "champion").passed
    worse = gate.not_worse(judge({CANDIDATE: right_for(0.75), "champion": right_for(0.8)}), "champion")
    assert not worse.passed
    assert worse.code == "worse-than-champion"
    assert "accuracy -0.0" in worse.text


def test_where_the_reports_can_tell_a_candidate_must_show_that_it_is_not_worse() -> None:
    """Within the margin by itself, but perhaps not in truth."""
    found = judge({CANDIDATE: right_for(0.79), "champion": right_for(0.8)})
    difference = found.differences["champion", "all_accuracy"]
    assert difference.high - difference.low <= 0.01
    assert -0.01 < difference.value < 0
    assert difference.low < -0.01
    assert not gate.not_worse(found, "champion").passed


def test_where_the_reports_cannot_tell_another_model_that_errs_on_other_reports_passes() -> None:
    found = judge({CANDIDATE: right_for(0.6, seed=2), "champion": right_for(0.6, seed=3)}, rows=2000)
    difference = found.differences["champion", "all_accuracy"]
    assert difference.low < -0.01 < 0 < difference.high
    assert gate.not_worse(found, "champion").passed


def test_over_few_reports_a_candidate_must_not_be_shown_to_be_worse() -> None:
    assert gate.not_worse(judge({CANDIDATE: right_for(0.8), "champion": right_for(0.805)}, rows=300), "champion").passed
    assert not gate.not_worse(
        judge({CANDIDATE: right_for(0.7), "champion": right_for(0.8)}, rows=300), "champion"
    ).passed


def test_small_losses_that_add_up_are_refused_by_the_first_release() -> None:
    """Each of the champions before it lost less than the margin."""
    found = judge({CANDIDATE: right_for(0.76), "champion": right_for(0.762), "first": right_for(0.8)})
    assert gate.not_worse(found, "champion").passed
    assert gate.not_worse(found, "first").code == "worse-than-first"
    assert not gate.not_worse(found, "first").passed


def test_losing_the_gravest_or_the_domestic_reports_is_refused_by_name() -> None:
    champion = right_for(0.9)
    blind = champion.copy()
    blind[TRUTH == 5] = [0.5, 0.5, 0.0, 0.0, 0.0]
    dull = champion.copy()
    dull[GUARDED] = [0.9, 0.025, 0.025, 0.025, 0.025]
    assert all(check.passed for check in gate.keeps(judge({CANDIDATE: champion, "champion": champion}), "champion"))
    failed = [[c.code for c in gate.keeps(judge({CANDIDATE: p, "champion": champion}), "champion") if not c.passed]
              for p in (blind, dull)]  # fmt: skip
    assert "recall-of-level-5" in failed[0]
    assert "recall-of-domestic" in failed[1]


def test_probabilities_that_are_far_too_sure_are_refused() -> None:
    honest = right_for(0.7)
    sure = np.where(honest == honest.max(axis=1, keepdims=True), 0.96, 0.01)
    by_chance = calibration_by_chance(honest)
    assert by_chance < 0.05
    assert gate.calibrated(judge({CANDIDATE: honest}), by_chance).passed
    assert not gate.calibrated(judge({CANDIDATE: sure}), by_chance).passed


def test_a_model_that_is_no_better_than_the_majority_is_refused() -> None:
    always = np.tile([0.1, 0.6, 0.1, 0.1, 0.1], (MANY, 1))
    assert not gate.better_than_majority(judge({CANDIDATE: always})).passed
    assert gate.better_than_majority(judge({CANDIDATE: right_for(0.8)})).passed


def test_a_group_that_loses_much_is_named_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    groups = {f"area {n}": np.arange(MANY) % 40 == n for n in range(40)}
    before, now = rng.random(MANY) < 0.8, rng.random(MANY) < 0.8
    assert losses(groups, now, before) == []
    now[groups["area 7"]] = before[groups["area 7"]] & (rng.random(100) < 0.7)
    found = losses(groups, now, before)
    assert len(found) == 1
    assert "area 7" in found[0]


def test_a_release_that_became_another_model_than_its_twin_is_refused() -> None:
    twin = right_for(0.8)[:64]
    assert gate.agrees(twin, twin).passed
    assert gate.agrees(twin[:, ::-1], twin).code == "golden-rows"
    assert not gate.agrees(twin[:, ::-1], twin).passed


def test_the_verdict_names_every_failure_and_counts_the_first() -> None:
    checks = [Check("flood", False, "x" * 3000), Check("group", True, ""), Check("calibration", False, "y")]
    found = gate.verdict(checks, "figures")
    assert (found.passed, found.reason) == (False, "flood")
    assert len(found.text) <= 2000
    assert "calibration: y" in gate.verdict(checks[1:], "figures").text
    assert gate.verdict([], "figures").passed


def test_what_passes_is_held_while_a_person_has_put_the_champion_back() -> None:
    passed = gate.verdict([], "figures")
    assert passed.held(None) is passed
    assert passed.held("Ann put it back").reason == "held"
    refused = gate.verdict([Check("flood", False, "x")], "figures")
    assert refused.held("Ann put it back").reason == "flood"


@pytest.mark.parametrize(
    ("n", "held_out"), [(250, 50), (3999, 800), (4000, 2000), (10_000, 2000), (50_000, 10_000), (1_000_000, 20_000)]
)
def test_at_least_two_thousand_reports_are_held_out_where_as_many_are_left_to_learn_from(n: int, held_out: int) -> None:
    assert n - cut_of(n) == held_out
