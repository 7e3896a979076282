"""Day by day, with the model of the day before."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from tests.trainer.filed import FIRST, Witness, filed
from trainer.offline.baselines import Majority
from trainer.offline.holdout import Labelled
from trainer.offline.outcomes import Basis, Known, Regime, become_known, filing_days
from trainer.offline.prequential import DAILY, FIRST_DAYS, YEARLY, Contest, Rhythm, Stretch, pooled
from trainer.training.weights import TEMPER

ALL = Regime.parse("all")
PLAIN = ("majority", "rules", "frozen", "champion")
"""Who competes besides the retrained ones."""

KEY = b"key"


class Late:
    """Every outcome after so many days."""

    def __init__(self, days: int) -> None:
        self._days = days

    def draw(self, basis: Basis, report: str) -> timedelta:
        return timedelta(days=self._days)


def every_third(labelled: Labelled) -> np.ndarray:
    return np.arange(len(labelled)) % 3 == 0


def run(
    labelled: Labelled,
    known: Known,
    fits: list[dict[str, object]] | None = None,
    rhythm: Rhythm = DAILY,
    half_lives: Mapping[str, float | None] | None = None,
) -> list[Stretch]:
    rules = Majority().fit(labelled.reports, np.full(len(labelled), 5))
    make = Majority if fits is None else partial(Witness, fits)
    retrained = half_lives or {"retrained": None}
    contest = Contest(labelled, filing_days(labelled.reports), known, make, rules, rhythm, retrained)
    with ThreadPoolExecutor(1) as workers:
        return [*contest.stretches(workers)]


def before(labelled: Labelled, known: Known, day: str, half_life: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    return known.before(np.datetime64(day), filing_days(labelled.reports), half_life)


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
    assert [day.period.astype(object) for day in days] == [date(2026, 3, 15) + timedelta(days=n) for n in range(6)]
    assert days[0].start == FIRST_DAYS * 30
    assert [day.start for day in days[1:]] + [len(labelled)] == [day.end for day in days]
    for day in days:
        assert {name: len(found) for name, found in day.probabilities.items()} == dict.fromkeys(
            (*PLAIN, "retrained"), day.end - day.start
        )


def test_too_few_days_are_refused() -> None:
    with pytest.raises(ValueError, match="none to score"):
        DAILY.scored(filing_days(filed(days=14).reports))


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
    first, last = days[0].probabilities, days[-1].probabilities
    np.testing.assert_array_equal(first["frozen"], first["retrained"])
    assert all((day.probabilities["frozen"][0] == first["frozen"][0]).all() for day in days)
    assert not (last["retrained"][0] == first["retrained"][0]).all()


def test_the_champion_is_the_retrained_model_of_the_period_before() -> None:
    labelled = filed(days=18)
    days = run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY))
    np.testing.assert_array_equal(days[0].probabilities["champion"], days[0].probabilities["retrained"])
    for before, day in pairwise(days):
        np.testing.assert_array_equal(day.probabilities["champion"], before.probabilities["retrained"])
        assert (day.probabilities["champion"] != day.probabilities["retrained"]).any()


def test_majority_and_rules_stand_beside_the_models_in_every_period() -> None:
    """The stand-in for the rules says level 5 of everything; the most frequent level is 2."""
    labelled = filed(days=18)
    for day in run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY)):
        assert (day.probabilities["majority"].argmax(axis=1) == 1).all()
        assert (day.probabilities["rules"].argmax(axis=1) == 4).all()


def test_under_solved_only_solved_cases_teach() -> None:
    labelled = filed(days=20)
    solved = every_third(labelled)
    known = become_known(labelled.reports, solved, Regime.parse("solved"), key=KEY)
    learnable, weights = before(labelled, known, "2026-03-19")
    np.testing.assert_array_equal(learnable, solved & (filing_days(labelled.reports) < np.datetime64("2026-03-19")))
    np.testing.assert_array_equal(weights, np.ones(learnable.sum()))


def test_a_label_that_only_an_audit_told_teaches_with_a_tempered_weight() -> None:
    labelled = filed(days=20)
    solved = every_third(labelled)
    known = become_known(labelled.reports, solved, Regime.parse("solved+audit:0.2"), key=KEY)
    learnable, weights = before(labelled, known, "2027-01-01")
    audited = ~np.isnat(known.by_audit)
    np.testing.assert_array_equal(learnable, solved | audited)
    assert (audited & solved).any()
    assert audited.mean() == pytest.approx(0.2, rel=0.3)
    heavy = (audited & ~solved)[learnable]
    np.testing.assert_allclose(weights[heavy], 0.2**-TEMPER * weights[~heavy][0])
    assert weights.mean() == pytest.approx(1.0)


def test_an_audited_report_whose_case_is_solved_by_then_counts_as_the_other_solved_ones() -> None:
    labelled = filed(days=20)
    solved = every_third(labelled)
    known = become_known(labelled.reports, solved, Regime.parse("solved+audit:0.2"), key=KEY)
    learnable, weights = before(labelled, known, "2027-01-01")
    assert len(np.unique(weights[solved[learnable]])) == 1


def test_with_a_half_life_a_label_that_much_older_counts_half() -> None:
    labelled = filed(days=20)
    known = become_known(labelled.reports, every_third(labelled), ALL, key=KEY)
    _, weights = before(labelled, known, "2026-03-21", half_life=10)
    assert weights[0] / weights[10 * 30] == pytest.approx(0.5)


def test_every_model_of_a_contest_scores_the_same_reports_by_weights_of_its_own() -> None:
    labelled = filed(days=18)
    known = become_known(labelled.reports, every_third(labelled), ALL, key=KEY)
    fits: list[dict[str, object]] = []
    days = run(labelled, known, fits, half_lives={"plain": None, "recent": 2.0})
    assert all(day.probabilities.keys() == {*PLAIN, "plain", "recent"} for day in days)
    spreads = sorted(float(np.ptp(fit["weights"])) for fit in fits)
    assert spreads[0] == 0.0 < spreads[-1]


def test_years_are_scored_after_the_first_two_by_what_was_known_before_them() -> None:
    labelled = filed(days=30)
    labelled = Labelled(
        [
            r.model_copy(update={"reported_at": r.reported_at.replace(year=2020 + n // 180)})
            for n, r in enumerate(labelled.reports)
        ],
        labelled.levels,
    )
    fits: list[dict[str, object]] = []
    known = become_known(labelled.reports, every_third(labelled), ALL, key=KEY)
    years = run(labelled, known, fits, YEARLY)
    assert [str(year.period) for year in years] == ["2022", "2023", "2024"]
    assert [year.outcomes for year in years] == [360, 540, 720]
    assert sum(year.end - year.start for year in years) == 540
    assert pooled(labelled, years).by_period.keys() == {"2022", "2023", "2024"}


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
    learnable, _ = before(labelled, known, "2026-03-15")
    assert learnable.sum() == 4 * 30
    assert known.since[learnable].max() == np.datetime64("2026-03-14T23:59:59")


def test_the_rules_answer_until_enough_outcomes_are_known() -> None:
    labelled = filed(days=20)
    known = become_known(labelled.reports, every_third(labelled), Regime.parse("solved"), key=KEY, delays=Late(6))
    days = run(labelled, known)
    by_rules = [day.fit_seconds is None for day in days]
    assert by_rules == [True] * 2 + [False] * 4
    assert all((day.probabilities["frozen"].argmax(axis=1) == 4).all() for day in days[:2])
    assert pooled(labelled, days).periods_by_rules == 2


def test_figures_are_pooled_over_the_reports_of_all_days() -> None:
    labelled = filed(days=20)
    course = pooled(labelled, run(labelled, become_known(labelled.reports, every_third(labelled), ALL, key=KEY)))
    assert course.reports == 6 * 30
    assert course.models["frozen"].accuracy == pytest.approx(float(np.mean(labelled.levels[-180:] == 2)))
