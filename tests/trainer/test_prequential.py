"""Day by day, with the model of the day before."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

import numpy as np
import pytest

from tests.trainer.filed import FIRST, Witness, filed
from trainer.offline.baselines import Majority
from trainer.offline.holdout import Labelled
from trainer.offline.prequential import (
    FIRST_DAYS,
    Basis,
    Day,
    Known,
    Regime,
    become_known,
    day_by_day,
    filing_days,
    pooled,
    scored_days,
)
from trainer.weights import AUDITED_WEIGHT

ALL = Regime.parse("all")
KEY = b"key"


class Late:
    """Every outcome after so many days."""

    def __init__(self, days: int) -> None:
        self._days = days

    def draw(self, basis: Basis, report: str) -> timedelta:
        return timedelta(days=self._days)


def every_third(labelled: Labelled) -> np.ndarray:
    return np.arange(len(labelled)) % 3 == 0


def run(labelled: Labelled, known: Known, fits: list[dict[str, object]] | None = None) -> list[Day]:
    rules = Majority().fit(labelled.reports, np.full(len(labelled), 5))
    with ThreadPoolExecutor(1) as workers:
        make = Majority if fits is None else partial(Witness, fits)
        return [*day_by_day(labelled, filing_days(labelled.reports), known, make, rules, workers)]


@pytest.mark.parametrize(
    ("text", "regime"),
    [
        ("all", Regime(solved_only=False)),
        ("solved", Regime(solved_only=True)),
        ("solved+audit:0.05", Regime(solved_only=True, audit=0.05)),
    ],
)
def test_a_regime_is_read_from_its_name(text: str, regime: Regime) -> None:
    assert Regime.parse(text) == regime


@pytest.mark.parametrize("text", ["", "none", "solved+audit:", "solved+audit:0", "solved+audit:2", "all+audit:0.1"])
def test_an_unknown_regime_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="solved\\+audit"):
        Regime.parse(text)


def test_every_day_after_the_first_fourteen_is_scored_once() -> None:
    labelled = filed(days=20)
    days = run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY))
    assert [day.day.astype(object) for day in days] == [date(2026, 3, 15) + timedelta(days=n) for n in range(6)]
    assert days[0].start == FIRST_DAYS * 30
    assert [day.start for day in days[1:]] + [len(labelled)] == [day.end for day in days]
    assert all(len(day.frozen) == len(day.retrained) == day.end - day.start for day in days)


def test_too_few_days_are_refused() -> None:
    with pytest.raises(ValueError, match="no day to score"):
        scored_days(filing_days(filed(days=14).reports))


@pytest.mark.parametrize("late", [0, 1, 9])
def test_a_day_is_scored_by_a_model_that_learned_from_outcomes_known_the_day_before(late: int) -> None:
    labelled = filed(days=22)
    fits: list[dict[str, object]] = []
    delays = Late(late) if late else None
    known = become_known(labelled.reports, every_third(labelled), ALL, key=KEY, delays=delays)
    days = run(labelled, known, fits)
    by_size = sorted(fits, key=lambda fit: len(fit["known_at"]))
    frozen, *daily = by_size  # the frozen model's fit is the first day's once more
    assert frozen["reports"] == daily[0]["reports"]
    assert len(daily) == len(days)
    for day, fit in zip(days, daily, strict=True):
        last = FIRST.replace(tzinfo=None) + timedelta(days=FIRST_DAYS + days.index(day) - 1)
        assert max(fit["known_at"]) == last
        expected = [r for r in labelled.reports if r.reported_at.replace(tzinfo=None) + timedelta(days=late) <= last]
        assert fit["reports"] == expected
        assert day.outcomes == len(expected)


def test_the_frozen_model_is_that_of_the_first_day_for_good() -> None:
    labelled = filed(days=18)
    days = run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY))
    np.testing.assert_array_equal(days[0].frozen, days[0].retrained)
    assert all((day.frozen[0] == days[0].frozen[0]).all() for day in days)
    assert not (days[-1].retrained[0] == days[0].retrained[0]).all()


def test_under_solved_only_solved_cases_teach() -> None:
    labelled = filed(days=20)
    solved = every_third(labelled)
    known = become_known(labelled.reports, solved, Regime.parse("solved"), key=KEY)
    learnable, _, weights = known.before(np.datetime64("2026-03-19"))
    np.testing.assert_array_equal(learnable, solved & (filing_days(labelled.reports) < np.datetime64("2026-03-19")))
    np.testing.assert_array_equal(weights, np.ones(learnable.sum()))


def test_audited_reports_teach_with_a_tempered_weight_even_when_their_case_is_solved() -> None:
    labelled = filed(days=20)
    solved = every_third(labelled)
    known = become_known(labelled.reports, solved, Regime.parse("solved+audit:0.2"), key=KEY)
    learnable, _, weights = known.before(np.datetime64("2027-01-01"))
    audited = ~np.isnat(known.by_audit)
    np.testing.assert_array_equal(learnable, solved | audited)
    assert (audited & solved).any()
    assert audited.mean() == pytest.approx(0.2, rel=0.3)
    heavy = audited[learnable]
    np.testing.assert_allclose(weights[heavy], AUDITED_WEIGHT * weights[~heavy][0])
    assert weights.mean() == pytest.approx(1.0)


def test_the_audit_draw_hangs_on_the_key_and_not_on_the_outcome() -> None:
    reports = filed(days=20).reports
    regime = Regime.parse("solved+audit:0.2")
    nobody, everybody = np.zeros(len(reports), dtype=bool), np.ones(len(reports), dtype=bool)
    first, same, other = (
        ~np.isnat(become_known(reports, solved, regime, key=key).by_audit)
        for solved, key in ((nobody, KEY), (everybody, KEY), (nobody, b"another"))
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_an_outcome_that_comes_late_teaches_late() -> None:
    labelled = filed(days=20)
    known = become_known(labelled.reports, every_third(labelled), ALL, key=KEY, delays=Late(10))
    learnable, since, _ = known.before(np.datetime64("2026-03-15"))
    assert learnable.sum() == 4 * 30
    assert since.max() == np.datetime64("2026-03-14T23:59:59")


def test_the_rules_answer_until_enough_outcomes_are_known() -> None:
    labelled = filed(days=20)
    known = become_known(labelled.reports, every_third(labelled), Regime.parse("solved"), key=KEY, delays=Late(6))
    days = run(labelled, known)
    by_rules = [day.fit_seconds is None for day in days]
    assert by_rules == [True] * 2 + [False] * 4
    assert all((day.frozen.argmax(axis=1) == 4).all() for day in days[:2])
    assert pooled(labelled, days).days_by_rules == 2


def test_figures_are_pooled_over_the_reports_of_all_days() -> None:
    labelled = filed(days=20)
    course = pooled(labelled, run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY)))
    assert course.reports == 6 * 30
    assert course.frozen.accuracy == pytest.approx(float(np.mean(labelled.levels[-180:] == 2)))
