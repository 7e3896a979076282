"""The model is one thing in training and in the stream, and every score can be taken apart."""

import io
import pickle
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray

from cad import lapd
from schemas.crime_report import CrimeReport, Flags, Location
from severity import metrics
from severity.credit import LEADING
from severity.forest import check
from severity.levels import LevelTable
from severity.model import SeverityModel
from severity.policy import Material, Policy
from severity.reasons import leading
from severity.scorer import Scorer, token_names
from tests.severity.sample_reports import START, draw_reports


@pytest.fixture(scope="module")
def drawn() -> tuple[list[CrimeReport], NDArray[np.int64]]:
    return draw_reports(1200)


@pytest.fixture(scope="module")
def model(drawn: tuple[list[CrimeReport], NDArray[np.int64]]) -> SeverityModel:
    return SeverityModel().fit(drawn[0][:900], drawn[1][:900])


@pytest.fixture(scope="module")
def scorer(model: SeverityModel) -> Scorer:
    return model.compile()


@pytest.fixture(scope="module")
def fresh(drawn: tuple[list[CrimeReport], NDArray[np.int64]]) -> Sequence[CrimeReport]:
    return drawn[0][900:]


def test_it_learns_what_a_report_says(
    scorer: Scorer, fresh: Sequence[CrimeReport], drawn: tuple[list[CrimeReport], NDArray[np.int64]]
) -> None:
    predicted = scorer.score(fresh).probabilities.argmax(axis=1) + 1
    assert metrics.accuracy(drawn[1][900:], predicted) > 0.85  # a tenth of the levels is noise


def test_contributions_and_baseline_are_the_raw_score(scorer: Scorer, fresh: Sequence[CrimeReport]) -> None:
    scores = scorer.score(fresh)
    for i in range(40):
        for level in range(1, 6):
            told = scores.explain(i, level)
            total = told.baseline + sum(c.contribution for c in told.contributions)
            assert abs(total - scores.raw[i, level - 1]) < 1e-9
            assert len({(c.input, c.value) for c in told.contributions}) == len(told.contributions)


@pytest.mark.parametrize("material", [Material(material_share=0, material_log_odds=0), Policy.load().reasons])
def test_what_leads_to_a_score_is_the_same_for_a_whole_batch_as_by_the_plain_definition(
    scorer: Scorer, fresh: Sequence[CrimeReport], material: Material
) -> None:
    scores = scorer.score(fresh)
    levels = 1 + np.arange(len(fresh)) % 5
    baselines, leads = scores.leading(levels, material)
    for i, (level, baseline, led) in enumerate(zip(levels, baselines, leads, strict=True)):
        told = scores.explain(i, level)
        plain = leading(told.contributions, material)
        assert baseline == told.baseline
        assert led.total == pytest.approx(plain.total, abs=1e-12)
        assert [theme for theme, _ in led.themes] == [theme for theme, _ in plain.themes[:LEADING]]
        assert [amount for _, amount in led.themes] == pytest.approx([amount for _, amount in plain.themes[:LEADING]])


def test_codes_are_shown_as_the_agency_writes_them() -> None:
    tokens = ["circumstance:lapd/A/1", "first_circumstance:lapd/A/1", "place_type:13", "weapons:-", "circumstance:-"]
    assert token_names({token: i for i, token in enumerate(tokens)}) == [
        ("circumstance", "A/1"),
        ("circumstance", "A/1"),
        ("place_type", "13"),
        ("weapons", "-"),
        ("circumstance", "-"),
    ]


def test_a_handgun_is_what_speaks_for_the_top_level(scorer: Scorer, fresh: Sequence[CrimeReport]) -> None:
    armed = [report for report in fresh if report.weapons == ("12",)]
    first = scorer.score(armed).explain(0, 5)
    strongest = max(first.contributions, key=lambda c: c.contribution)
    assert (strongest.input, strongest.value) == ("weapons", "12")


def test_a_report_scores_alike_alone_and_in_any_batch(scorer: Scorer, fresh: Sequence[CrimeReport]) -> None:
    together = scorer.score(fresh).raw
    alone = np.concatenate([scorer.score([report]).raw for report in fresh[:20]])
    np.testing.assert_array_equal(together[:20], alone)
    assert scorer.score([]).raw.shape == (0, 5)


def test_the_same_rows_and_seed_give_the_same_model(
    model: SeverityModel, fresh: Sequence[CrimeReport], drawn: tuple[list[CrimeReport], NDArray[np.int64]]
) -> None:
    again = SeverityModel().fit(drawn[0][:900], drawn[1][:900])
    np.testing.assert_array_equal(again.raw_scores(fresh), model.raw_scores(fresh))


def test_joblib_and_pickle_bring_back_the_same_scores(
    model: SeverityModel, scorer: Scorer, fresh: Sequence[CrimeReport]
) -> None:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    expected = scorer.score(fresh).raw
    np.testing.assert_array_equal(joblib.load(file).raw_scores(fresh), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scorer, protocol=5)).score(fresh).raw, expected)


def test_the_forest_is_scikit_learns(model: SeverityModel, scorer: Scorer, fresh: Sequence[CrimeReport]) -> None:
    columns = scorer.score(fresh).columns
    check(scorer.forest, columns, model.forest_.decision_function(columns))


def test_scoring_needs_no_scikit_learn(tmp_path: Path, scorer: Scorer) -> None:
    path = tmp_path / "scorer.pickle"
    path.write_bytes(pickle.dumps(scorer))
    code = (
        "import pickle, sys; from tests.severity.sample_reports import draw_reports;"
        f"pickle.load(open({str(path)!r}, 'rb')).score(draw_reports(3)[0]).explain(0, 5);"
        "sys.exit(bool({'sklearn', 'pandas', 'joblib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_flags_and_identity_do_not_move_a_score(scorer: Scorer, fresh: Sequence[CrimeReport]) -> None:
    flagged = [
        report.model_copy(
            update={"flags": Flags(child=True, domestic=True), "report_id": "x", "initial_priority": "P1"}
        )
        for report in fresh[:50]
    ]
    np.testing.assert_array_equal(scorer.score(flagged).raw, scorer.score(fresh[:50]).raw)


def test_a_report_of_nothing_but_unknown_codes_has_probabilities(scorer: Scorer) -> None:
    strange = CrimeReport(
        agency_id="elsewhere",
        report_id="1",
        reported_at=START,
        location=Location(area="nowhere", agency_place_type="never", latitude=0.5, longitude=0.5),
        weapons=("never",) * 64,
        circumstances=tuple(f"never-{i}" for i in range(64)),
    )
    probabilities = scorer.score([strange]).probabilities
    assert np.isfinite(probabilities).all()
    assert abs(probabilities.sum() - 1) < 1e-12


@pytest.mark.parametrize("level", [2, 5])
def test_levels_absent_from_training_are_improbable_not_impossible(level: int) -> None:
    reports, levels = draw_reports(200, seed=3)
    scores = SeverityModel().fit(reports, np.where(levels == level, 3, levels)).score(reports)
    absent = scores.probabilities[:, level - 1]
    assert absent.min() > 0
    assert absent.mean() < 0.02


def test_one_level_alone_and_a_single_report_can_be_fitted() -> None:
    reports, _ = draw_reports(30)
    assert SeverityModel().fit(reports, [4] * 30).predict_proba(reports).argmax(axis=1).tolist() == [3] * 30
    assert np.isfinite(SeverityModel().fit(reports[:1], [4]).predict_proba(reports)).all()


def test_several_agencies_share_a_model_and_keep_their_codes_apart() -> None:
    ours, levels = draw_reports(600, agency="one")
    theirs, others = draw_reports(600, seed=1, agency="two")
    fitted = SeverityModel().fit([*ours, *theirs], np.append(levels, 6 - others))  # the second city's scale upside down
    scores = fitted.compile()
    truth, predicted = levels, scores.score(ours).probabilities.argmax(axis=1) + 1
    assert metrics.accuracy(truth, predicted) > 0.6
    assert any(token.endswith("one/c-force") for token in scores.vocabulary)


def test_weights_count_reports() -> None:
    reports, levels = draw_reports(400)
    heavy = np.where(levels == 5, 50.0, 1.0)
    plain, weighted = (
        SeverityModel().fit(reports, levels, sample_weight=w).predict_proba(reports)[:, 4].mean() for w in (None, heavy)
    )
    assert weighted > plain + 0.01


def test_later_knowledge_changes_the_history_columns_alone(
    drawn: tuple[list[CrimeReport], NDArray[np.int64]],
) -> None:
    reports, levels = drawn[0][:300], drawn[1][:300]
    never = [report.reported_at + timedelta(days=1000) for report in reports]
    at_once, late = SeverityModel().fit(reports, levels), SeverityModel().fit(reports, levels, known_at=never)
    np.testing.assert_array_equal(at_once.pairs_.coef_, late.pairs_.coef_)
    assert late.snapshot_.counts[0].sum() > 0  # its cut lies after all


def test_an_outcome_dated_before_its_own_report_does_not_reach_it(
    drawn: tuple[list[CrimeReport], NDArray[np.int64]],
) -> None:
    reports, levels = drawn[0][:300], drawn[1][:300]
    before = [report.reported_at - timedelta(days=1) for report in reports]
    honest, early = SeverityModel().fit(reports, levels), SeverityModel().fit(reports, levels, known_at=before)
    np.testing.assert_array_equal(honest.predict_proba(reports), early.predict_proba(reports))


def test_one_outcome_dated_far_ahead_leaves_the_served_history_as_it_is() -> None:
    reports, levels = draw_reports(300)
    known = [report.reported_at for report in reports]
    wrong = [*known[:-1], known[-1] + timedelta(days=365 * 70)]
    counts = [SeverityModel().fit(reports, levels, known_at=at).snapshot_.counts.sum() for at in (known, wrong)]
    assert counts[1] > 0.9 * counts[0] > 0


@pytest.mark.parametrize("levels", [[0] * 10, [6] * 10, [1] * 9, []])
def test_levels_that_cannot_be_are_refused(levels: list[int]) -> None:
    with pytest.raises(ValueError, match="level"):
        SeverityModel().fit(draw_reports(10)[0], levels)


def test_progress_names_the_stages_in_order() -> None:
    told: list[tuple[str, float]] = []
    reports, levels = draw_reports(60)
    SeverityModel().fit(reports, levels, progress=lambda stage, done: told.append((stage, done)))
    assert [stage for stage, _ in told] == ["facts", "terms", "encodings", "pairs", "trees", "done"]
    assert [done for _, done in told] == sorted(done for _, done in told)


@pytest.mark.data
def test_lapds_written_reports_are_told_apart_better_than_by_majority(lapd_file: Path) -> None:
    cases = [case for case in lapd.read(lapd_file, LevelTable.load()) if case.outcome.level is not None][-8000:]
    reports, levels = [case.report for case in cases], np.array([case.outcome.level for case in cases])
    predicted = SeverityModel().fit(reports[:7000], levels[:7000]).predict_proba(reports[7000:]).argmax(axis=1) + 1
    assert metrics.accuracy(levels[7000:], predicted) > 0.78  # majority .577; all rows give .83
    assert metrics.macro_f1(levels[7000:], predicted) > 0.70
