"""Promises of reports written down once: the same model comes of them, whole or in part."""

from datetime import UTC, datetime
from itertools import islice

import numpy as np
import pytest

import severity.model
import severity.terms
from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from severity.levels import LevelTable
from severity.model import SeverityModel
from severity.told import tell


def drawn(n: int) -> tuple[list[CrimeReport], np.ndarray]:
    city = SimulatedCity(5, datetime(2026, 1, 1, tzinfo=UTC), levels=LevelTable.load())
    cases = list(islice((case for case in city if case.outcome.level), n))
    return [case.report for case in cases], np.array([case.outcome.level for case in cases])


def test_a_fit_to_what_was_told_of_some_reports_is_a_fit_to_these_reports() -> None:
    reports, levels = drawn(600)
    rows = np.arange(0, 500)
    of_reports = SeverityModel().fit([reports[row] for row in rows], levels[rows])
    of_told = SeverityModel().fit(tell(reports).pick(rows), levels[rows])
    assert (of_told.predict_proba(reports[500:]) == of_reports.predict_proba(reports[500:])).all()


def test_what_is_picked_is_what_would_be_told_of_those_alone() -> None:
    reports, _ = drawn(60)
    rows = np.array([3, 4, 17, 18, 59])
    picked, alone = tell(reports).pick(rows), tell([reports[row] for row in rows])
    told, own = list(picked.vocabulary), list(alone.vocabulary)
    assert [told[token] for token in picked.tokens.ids] == [own[token] for token in alone.tokens.ids]
    for name in ("starts", "sides", "singles"):
        assert getattr(picked.tokens, name).tolist() == getattr(alone.tokens, name).tolist()
    np.testing.assert_array_equal(picked.numbers, alone.numbers)
    assert picked.days.tolist() == alone.days.tolist()


def test_the_rows_that_the_trees_do_not_see_still_count_in_encodings_and_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports, levels = drawn(600)
    whole = SeverityModel().fit(reports, levels)
    monkeypatch.setattr(severity.model, "MANY_ROWS", 250)
    monkeypatch.setattr(severity.terms, "PART", 100)
    shrunk = SeverityModel().fit(reports, levels)
    np.testing.assert_allclose(shrunk.shares_.share, whole.shares_.share)
    np.testing.assert_array_equal(shrunk.snapshot_.counts, whole.snapshot_.counts)
    assert (shrunk.predict_proba(reports).argmax(axis=1) == whole.predict_proba(reports).argmax(axis=1)).mean() > 0.7


def test_reports_told_under_one_information_set_are_not_fitted_under_another() -> None:
    reports, levels = drawn(30)
    with pytest.raises(ValueError, match="'call'"):
        SeverityModel("report").fit(tell(reports, "call"), levels)
