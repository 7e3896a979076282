"""Promises of the live scores: what counts, once, with its basis, in bounded memory, the same after a restart."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sklearn.metrics import accuracy_score, f1_score

from schemas.audit_request import SECOND
from schemas.solved_case import AuditAnswer
from tests.trainer.events import CodeIsLevel, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.judging.scores import scores
from trainer.live.feed import feed, rebuild
from trainer.live.metrics import LiveMetrics
from trainer.live.scores import RULES, Cell, Decision, Label, LiveScores
from trainer.live.windows import ANY, Widths, Window, WindowCell, estimates, windows
from trainer.training.training_set import WITHDRAWN

ONE = ("riverton", "r1")
SOLVED = Label(1, "solved", 4)


def live(**limits: int) -> LiveScores:
    return LiveScores(lambda joined: None, **limits)


def cells(found: LiveScores) -> dict[tuple[int, str, str], list[tuple[int, int, int]]]:
    """Non-zero counts as (true, decided, n)."""
    return {
        tuple(cell): [(i + 1, j + 1, int(m[i, j])) for i, j in np.argwhere(m)] for cell, m in found.matrices().items()
    }


@pytest.mark.parametrize("label_first", [True, False])
def test_a_decision_and_its_outcome_are_joined_in_either_order(label_first: bool) -> None:
    found = live()
    if label_first:
        found.learned(ONE, SOLVED)
    found.decided(ONE, Decision(7, published=5, model=3))
    if not label_first:
        found.learned(ONE, SOLVED)
    assert cells(found) == {(7, "solved", "published"): [(4, 5, 1)], (7, "solved", "model"): [(4, 3, 1)]}


def test_only_the_first_decision_on_a_report_counts() -> None:
    found = live()
    found.decided(ONE, Decision(7, 5, 5))
    found.decided(ONE, Decision(8, 4, 4))
    found.learned(ONE, SOLVED)
    assert {cell[0] for cell in cells(found)} == {7}


def test_a_later_outcome_moves_the_report_to_its_own_basis() -> None:
    found = live()
    found.decided(ONE, Decision(RULES, 2, None))
    found.learned(ONE, SOLVED)
    found.learned(ONE, Label(2, "audited", 2))
    found.learned(ONE, SOLVED)
    assert cells(found) == {(RULES, "audited", "published"): [(2, 2, 1)]}


@pytest.mark.parametrize("audit_first", [True, False])
def test_a_graded_report_stays_audited_when_its_case_is_solved(audit_first: bool) -> None:
    found = live()
    audit, solved = Label(1, "audited", 2, audited=True), Label(2, "solved", 4)
    found.decided(ONE, Decision(7, 4, None))
    for label in (audit, solved) if audit_first else (solved, audit):
        found.learned(ONE, label)
    assert cells(found) == {(7, "audited", "published"): [(4, 4, 1)]}


def test_a_withdrawn_outcome_and_one_without_a_level_count_nowhere() -> None:
    found = live()
    found.decided(ONE, Decision(7, 5, 5))
    found.learned(ONE, SOLVED)
    found.learned(ONE, Label(2, "unfounded", 4))
    found.decided(("riverton", "r2"), Decision(7, 5, 5))
    found.learned(("riverton", "r2"), Label(1, "solved", None))
    assert cells(found) == {}


def test_memory_is_bounded_and_what_was_counted_stays_counted() -> None:
    found = live(capacity=10, releases=2)
    for n in range(100):
        found.decided(("riverton", f"r{n}"), Decision(1 + n // 20, 3, 3))
        found.learned(("riverton", f"r{n}"), SOLVED)
    assert len(found._cases) == len(found.cases()) == 10
    assert {cell[0] for cell in cells(found)} == {4, 5}
    assert found.matrices()[Cell(5, "solved", "model")].sum() == 20


def test_after_a_restart_the_tables_give_the_same_counts(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    intake = Intake(dataset, Outbox(), AuditDraw(b"", 0), lambda: None)
    before, levels = live(), CodeIsLevel()
    priorities = [priority(n, release=1 + n % 3 if n % 5 else None, level=1 + n % 5, at=n) for n in range(60)]
    outcomes = [outcome(n, 1 + (n * 7) % 5, sequence=1 + n % 2) for n in range(0, 60, 2)]
    answer = AuditAnswer(request_id="q", probability=0.05)
    outcomes += [outcome(n, 2, sequence=3, basis="audited", audit=answer) for n in range(0, 60, 6)]
    outcomes += [outcome(n, 5, sequence=4) for n in range(0, 60, 12)]
    for batch in (records(priorities), records(outcomes)):
        for event in intake.take(batch).events:
            feed(before, event, levels)
    after = live()
    rebuild(after, dataset, levels)
    assert cells(after) == cells(before) != {}


some_level = st.none() | st.integers(1, 5)
decisions = st.builds(Decision, st.integers(0, 3), st.integers(1, 5), some_level, st.none(), st.just(0))
bases = st.sampled_from(["solved", "classified", "audited", "unfounded", "reopened"])
labels = st.builds(Label, st.integers(1, 4), bases, some_level, st.booleans(), st.just(0))


@given(st.lists(st.tuples(st.sampled_from("abc"), decisions | labels), max_size=30))
def test_whatever_comes_in_whatever_order_the_counts_are_those_of_a_recount(
    events: list[tuple[str, Decision | Label]],
) -> None:
    found, recount = live(), Counter()
    for name, event in events:
        found.decided((name, name), event) if isinstance(event, Decision) else found.learned((name, name), event)
    for name in "abc":
        first = next((e for n, e in events if n == name and isinstance(e, Decision)), None)
        known = [e for n, e in events if n == name and isinstance(e, Label)]
        newest = max(known, key=lambda one: one.sequence, default=None)  # of equal ones the first
        if first is None or newest is None or newest.level is None or newest.basis in WITHDRAWN:
            continue
        basis = "audited" if any(one.audited for one in known) else newest.basis
        for view, level in (("published", first.published), ("model", first.model)):
            if level is not None:
                recount[first.release, basis, view, newest.level, level] += 1
    assert {(*cell, *counts[:2]): counts[2] for cell, all_ in cells(found).items() for counts in all_} == recount


def test_reports_are_of_no_concern() -> None:
    found = live()
    feed(found, report(1), CodeIsLevel())
    assert not found.matrices()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=60))
def test_the_figures_are_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    confusion = np.zeros((5, 5), dtype=np.int64)
    for true, decided in pairs:
        confusion[true - 1, decided - 1] += 1
    found, (true, decided) = scores(confusion), zip(*pairs, strict=True)
    assert found.accuracy == pytest.approx(accuracy_score(true, decided))
    assert found.macro_f1 == pytest.approx(f1_score(true, decided, average="macro", zero_division=0))
    assert found.weighted_f1 == pytest.approx(f1_score(true, decided, average="weighted", zero_division=0))
    assert found.labels == len(pairs)


def test_a_scrape_shows_each_figure_with_its_label_count_and_forgets_old_releases() -> None:
    metrics, registry = LiveMetrics(), CollectorRegistry()
    registry.register(metrics)
    found = LiveScores(metrics.count, releases=1)
    for n, (release, level) in enumerate([(1, 4), (2, 4), (2, 3)]):
        found.decided(("riverton", f"r{n}"), Decision(release, level, level))
        found.learned(("riverton", f"r{n}"), SOLVED)
    metrics.show(found, now=0.0)

    def sample(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(
            name, {"release": "2", "basis": "solved", "view": "model", "window": "all"} | labels
        )

    def count(**labels: str) -> float | None:
        return registry.get_sample_value("severity_live_confusion_total", {"basis": "solved", "view": "model"} | labels)

    assert sample("severity_live_accuracy_ratio") == 0.5
    assert sample("severity_live_labels") == 2
    assert sample("severity_live_labels", basis="any") == 2
    assert count(release="2", true_level="4", decided_level="3") == 1
    assert sample("severity_live_f1_ratio", average="macro") == pytest.approx((2 / 3 + 0) / 2)
    assert sample("severity_live_level_f1_ratio", level="4") == pytest.approx(2 / 3)
    assert sample("severity_live_labels", release="1") is None
    assert count(release="1", true_level="4", decided_level="4") is None


def test_a_second_persons_grade_is_no_label_and_a_second_start_knows_it_too(tmp_path: Path) -> None:
    dataset, levels = Dataset(tmp_path), CodeIsLevel()
    intake = Intake(dataset, Outbox(), AuditDraw(b"", 0), lambda: None)
    first, second = (AuditAnswer(request_id=f"q{end}", probability=0.05) for end in ("", SECOND))
    before, after = live(), live()
    given = [priority(1), outcome(1, 3, basis="audited", audit=first)]
    for event in intake.take(records([*given, outcome(1, 5, sequence=2, basis="audited", audit=second)])).events:
        feed(before, event, levels)
    rebuild(after, dataset, levels)
    assert cells(before)[1, "audited", "published"] == [(3, 3, 1)]
    assert cells(after) == cells(before)


def test_windows_hold_the_newest_labels_by_count_and_by_time() -> None:
    found, day = live(), 86_400.0
    for n in range(30):  # one a day; the first 20 all wrong
        found.decided(("riverton", f"r{n}"), Decision(7, 3, None, at=n * day))
        found.learned(("riverton", f"r{n}"), Label(1, "solved", 4 if n < 20 else 3, at=n * day))
    got = windows(found.cases(), Widths(labels=5, days=15), now=1e9)
    by_count = got[WindowCell("7", "solved", "published", Window.COUNT)]
    by_time = got[WindowCell(ANY, ANY, "published", Window.TIME)]
    assert by_count.sum() == by_count[2, 2] == 5
    assert (by_time.sum(), by_time[2, 2]) == (15, 10)


def test_a_label_dated_in_the_future_does_not_empty_the_window_of_days() -> None:
    found, day = live(), 86_400.0
    for n, at in enumerate([0.0, 9 * day, 9000 * day]):
        found.decided(("riverton", f"r{n}"), Decision(7, 3, None))
        found.learned(("riverton", f"r{n}"), Label(1, "solved", 3, at=at))
    got = windows(found.cases(), Widths(days=5), now=10 * day)
    assert got[WindowCell("7", "solved", "published", Window.TIME)].sum() == 2


def test_the_estimate_for_all_reports_is_shown_with_its_interval_and_counts() -> None:
    metrics, registry, rng = LiveMetrics(), CollectorRegistry(), np.random.default_rng(1)
    registry.register(metrics)
    found = LiveScores(metrics.count)
    right = rng.random(4_000) < 0.8
    for n in range(4_000):
        found.decided(("riverton", f"r{n}"), Decision(1 + n // 2_000, 3, 3, (0.1, 0.1, 0.6, 0.1, 0.1), at=n))
        if n % 10 == 0:  # solved, all of them right: they flatter
            found.learned(("riverton", f"r{n}"), Label(1, "solved", 3))
        elif n % 7 == 0:
            found.learned(("riverton", f"r{n}"), Label(1, "audited", 3 if right[n] else 4, audited=True))
    metrics.show(found, now=1e9)

    def sample(name: str, release: str = "any", **labels: str) -> float:
        cell = {"release": release, "view": "published", "window": "all"}
        return registry.get_sample_value(f"severity_live_all_{name}", cell | labels) or 0.0

    assert sample("reports") == 4_000
    assert sample("labels", known_by="case") == 400
    assert 500 < sample("labels", known_by="graded") < 520
    assert sample("accuracy_lower_ratio") < sample("accuracy_ratio") < sample("accuracy_upper_ratio")
    truth = 0.1 + 0.9 * right.mean()
    assert sample("accuracy_lower_ratio") < truth < sample("accuracy_upper_ratio")
    assert sample("macro_f1_ratio") > 0
    assert sample("reports", release="2") == 2_000


def test_a_case_that_is_reopened_is_unknown_again_and_one_that_is_unfounded_is_none_of_all_reports() -> None:
    found = live()
    for n in range(100):
        found.decided(("riverton", f"r{n}"), Decision(1, 3, None, at=n))
        found.learned(("riverton", f"r{n}"), Label(1, "audited", 3, audited=True))
    found.learned(("riverton", "r0"), Label(2, "reopened", None))
    found.learned(("riverton", "r1"), Label(2, "unfounded", None))
    one = estimates(found.cases(), Widths(), now=1e9)["any", "published", Window.ALL]
    assert (one.reports, one.graded, one.known) == (100, 98, 1)
    assert one.accuracy.value > 0.98
