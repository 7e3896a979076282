"""The newest tenth as the test."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cad.cities import cities
from cli.evaluate.contest import read
from schemas.crime_report import Flags
from schemas.priority import Priority
from severity.conformal import PredictionSets
from severity.model import SeverityModel
from severity.rules import Rules
from tests.trainer.filed import Witness, filed
from trainer.offline.baselines import Logistic, Majority, RulesAlone, seen
from trainer.offline.holdout import (
    CALIBRATION_SHARE,
    TEST_SHARE,
    Labelled,
    calibrate,
    decisions,
    doubts,
    hold_out,
    split,
)


def leaky(labelled: Labelled) -> Labelled:
    reports = [
        report.model_copy(update={"circumstances": (*report.circumstances, f"leak-{level}")})
        for report, level in zip(labelled.reports, labelled.levels.tolist(), strict=True)
    ]
    return Labelled(reports, labelled.levels)


def priority(severity: int, needs_person: bool) -> Priority:
    return Priority.model_construct(severity=severity, needs_human_triage=needs_person)


def test_the_newest_reports_are_the_test_and_no_later_one_is_learned_from() -> None:
    labelled = filed(days=20)
    train, test = split(labelled, TEST_SHARE)
    assert (len(train), len(test)) == (540, 60)
    assert [*train.reports, *test.reports] == labelled.reports
    assert max(r.reported_at for r in train.reports) <= min(r.reported_at for r in test.reports)


def test_a_file_too_small_to_have_a_test_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        split(filed(days=1, a_day=1), TEST_SHARE)


def test_neither_model_nor_prediction_sets_see_a_report_of_the_test() -> None:
    train, test = split(filed(days=20), TEST_SHARE)
    fits: list[dict[str, object]] = []
    hold_out(partial(Witness, fits), train, test)
    whole, twin = fits
    assert whole["reports"] == train.reports
    assert twin["reports"] == train.reports[: int(len(train) * (1 - CALIBRATION_SHARE))]


def test_outcomes_of_the_test_change_nothing_but_the_figures() -> None:
    train, test = split(filed(days=20), TEST_SHARE)
    other = Labelled(test.reports, 6 - test.levels)
    first, second = (hold_out(Logistic, train, part) for part in (test, other))
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert first.decisions.accuracy != second.decisions.accuracy


def test_a_label_that_leaks_into_a_report_shows_as_an_accuracy_of_one() -> None:
    honest = filed(days=20)
    figures = [hold_out(Logistic, *split(labelled, TEST_SHARE)) for labelled in (honest, leaky(honest))]
    assert figures[0].decisions.accuracy < 0.95
    assert figures[1].decisions.accuracy > 0.99


def test_the_majority_finds_one_level_alone() -> None:
    labelled = filed(days=20)
    found = hold_out(Majority, *split(labelled, TEST_SHARE))
    share = float(np.mean(labelled.levels[-60:] == 2))
    assert found.decisions.accuracy == pytest.approx(share)
    assert found.decisions.macro_f1 == pytest.approx(2 * share / (1 + share) / 5)


def test_misses_by_two_levels_are_counted_both_ways_and_those_below_apart() -> None:
    found = decisions(np.array([5, 5, 1, 3]), np.array([3, 4, 4, 3]))
    assert (found.far_off, found.far_too_low) == (0.5, 0.25)
    assert found.confusion[4] == [0, 0, 1, 1, 0]


def test_coverage_comes_with_its_interval_for_each_level() -> None:
    levels = np.repeat([1, 2, 3, 4, 5], 20)
    probabilities = np.eye(5)[levels - 1] * 0.6 + 0.08
    found = doubts(levels, probabilities, PredictionSets().fit(probabilities, levels))
    assert found.set_size == 1.0
    for coverage in found.coverage.values():
        assert coverage.share == coverage.high == 1.0
        assert 0.8 < coverage.low < 1.0


def test_what_was_published_is_judged_beside_the_models_own_view() -> None:
    train, test = split(filed(days=20), TEST_SHARE)
    found = hold_out(
        Majority, train, test, publish=lambda model, sets, reports: [priority(5, i < 15) for i in range(len(reports))]
    )
    assert found.published is not None
    assert found.published.needs_person == 0.25
    assert found.published.decisions.accuracy == pytest.approx(float(np.mean(test.levels == 5)))
    assert found.decisions.accuracy == pytest.approx(float(np.mean(test.levels == 2)))


@pytest.mark.parametrize("information", ["call", "details"])
def test_what_an_information_set_leaves_out_sways_no_contender(information: str) -> None:
    labelled = filed(days=4)
    whole = labelled.reports
    narrowed = [seen(report, information) for report in whole]
    assert narrowed != whole
    for make in (
        partial(RulesAlone, Rules.load(), information),
        partial(Logistic, information),
        partial(SeverityModel, information),
    ):
        model = make().fit(whole, labelled.levels)
        np.testing.assert_array_equal(model.predict_proba(whole), model.predict_proba(narrowed))


def test_flags_do_not_outlive_the_circumstances_they_come_from() -> None:
    report = filed(days=1).reports[0].model_copy(update={"flags": Flags(child=True)})
    assert seen(report, "report").flags.child
    assert seen(report, "details").flags == seen(report, "call").flags == Flags()


def test_calibrated_sets_hold_each_level_about_as_often_as_promised() -> None:
    train, test = split(filed(days=60), 0.5)
    probabilities = Logistic().fit(train.reports, train.levels).predict_proba(test.reports)
    for coverage in doubts(test.levels, probabilities, calibrate(Logistic, train)).coverage.values():
        assert coverage.high > 0.85


@pytest.mark.data
def test_the_demanded_figures_hold_on_lapds_reports(lapd_file: Path) -> None:
    material = read(cities()["lapd"], lapd_file)
    train, test = split(material.labelled, TEST_SHARE)
    assert (len(train), len(test)) == (35_982, 3_998)
    found = hold_out(SeverityModel, train, test, certain=True)
    assert found.decisions.accuracy >= 0.830
    assert found.decisions.macro_f1 >= 0.790
