"""Order of a report's revisions, over aborts and restarts."""

import json
from collections import defaultdict
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.common import ReportStatus
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from schemas.priority import Previous, Priority
from stream.ledger import Found, Lesson
from stream.revisions import Decision, Revisions, name_of
from stream.tally import Tally
from tests.stream.standin import NOW, Marked, ledger
from tests.stream.whole import Scorer, city, priorities
from transport.errors import Aborted
from transport.memory import MemoryBackend


def file(backend: MemoryBackend, report_id: str, revision: int, status: str = "Actual") -> None:
    report = CrimeReport.model_validate(
        {"agency_id": "lapd", "report_id": report_id, "revision": revision, "reported_at": NOW, "status": status}
    )
    key, value, headers = encode(report, source="cad/test", time=NOW)
    backend.put(topics.CRIME_REPORTS, key, value, headers)


def published(backend: MemoryBackend) -> list[tuple[int, int | None]]:
    return [(one.revision, one.previous.revision if one.previous else None) for one in priorities(backend)]


def decided(revision: int) -> Decision:
    return Decision(revision, 3, "P2", "model")


@pytest.mark.parametrize("most", [1, 5000], ids=["each a batch of its own", "all in one batch"])
def test_lower_and_repeated_revisions_are_dropped_and_counted_and_a_higher_one_says_what_it_replaces(most: int) -> None:
    backend = city()
    for revision in (2, 2, 1, 3, 2, 3, 5):
        file(backend, "1", revision)
    scorer = Scorer(backend, most=most)
    scorer.work()
    assert published(backend) == [(2, None), (3, 2), (5, 3)]
    assert priorities(backend)[1].previous == Previous(revision=2, severity=3, priority="P2", decided_by="model")
    value = scorer.registry.get_sample_value
    assert value("severity_revisions_dropped_total", {"reason": "repeated"}) == 2
    assert value("severity_revisions_dropped_total", {"reason": "superseded"}) == 2
    assert value("severity_revisions_published_total") == 2
    assert value("severity_reports_in_total") == 7


def test_a_batch_that_was_aborted_is_not_taken_for_a_repeat_of_itself() -> None:
    backend = city()
    backend.fail(Aborted("told-to", "by the test"), Aborted("told-to", "again"))
    file(backend, "1", 1)
    Scorer(backend).work()
    assert published(backend) == [(1, None)]


def test_a_restart_remembers_what_was_published_before_it() -> None:
    backend = city()
    file(backend, "1", 4)
    Scorer(backend).work()
    for revision in (3, 4, 6):
        file(backend, "1", revision)
    Scorer(backend).work()
    assert published(backend) == [(4, None), (6, 4)]


def test_a_drill_does_not_stand_in_a_real_reports_way() -> None:
    backend = city()
    file(backend, "1", 9, "Exercise")
    file(backend, "1", 1)
    file(backend, "1", 8, "Test")
    Scorer(backend).work()
    assert published(backend) == [(1, None)]
    assert [one.revision for one in priorities(backend, topics.PRIORITIES_EXERCISE)] == [9]


def test_an_unreadable_report_goes_to_a_person_each_time_and_hides_no_revision() -> None:
    backend = city()
    file(backend, "1", 2)
    backend.put(topics.CRIME_REPORTS, b"lapd/1", b"{")
    backend.put(topics.CRIME_REPORTS, b"lapd/1", b"{")
    file(backend, "1", 3)
    Scorer(backend).work()
    assert published(backend) == [(2, None), (0, None), (0, None), (3, 2)]


def test_an_old_revision_with_a_wrong_field_is_a_dead_letter_and_no_priority() -> None:
    backend = city()
    file(backend, "1", 2)
    body = {"agency_id": "lapd", "report_id": "1", "revision": 1, "reported_at": NOW.isoformat(), "victims": -1}
    backend.put(topics.CRIME_REPORTS, b"lapd/1", json.dumps(body).encode())
    Scorer(backend).work()
    assert published(backend) == [(2, None)]
    assert len(backend.dead_letters(topics.CRIME_REPORTS)) == 1


def test_a_revision_that_nobody_could_assess_is_not_said_to_be_published() -> None:
    backend = city()
    for revision in (1, 2, 3):
        file(backend, "1", revision)
    Scorer(backend, assessor=Marked(fails=lambda report: report.revision == 2)).work()
    assert published(backend) == [(1, None), (0, None), (3, 1)]


def test_the_oldest_are_forgotten_first_and_a_new_revision_makes_a_report_young_again() -> None:
    revisions = Revisions(2)
    revisions.remember([(b"a", decided(1)), (b"b", decided(1)), (b"a", decided(2)), (b"c", decided(1))])
    assert (revisions.last(b"a"), revisions.last(b"b"), revisions.last(b"c")) == (decided(2), None, decided(1))
    assert len(revisions) == 2


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.integers(1, 9).map(decided))), st.randoms())
def test_in_whatever_order_decisions_are_found_the_newest_is_remembered(
    decisions: list[tuple[bytes, Decision]], random: Random
) -> None:
    one, other = Revisions(10), Revisions(10)
    one.remember(decisions)
    random.shuffle(decisions)
    other.remember(decisions)
    for name in (b"a", b"b"):
        assert one.last(name) == other.last(name)


def test_what_came_before_a_backlog_is_kept_until_that_is_worked_off() -> None:
    known, there, other = ledger(remembered=2), ("reports", 0), ("reports", 1)
    known.backlog(there, 1000)
    known.backlog(other, 500)
    known.learn(Lesson({b"fresh": decided(2)}), {there: 1001})
    known.learn(Lesson({b"old": decided(1)}), {there: 600})
    for number in range(10):
        known.learn(Lesson({b"%d" % number: decided(1)}), {other: number})
    assert (known.last(b"fresh"), known.last(b"old")) == (decided(2), None)
    known.learn(Lesson({b"fresh": decided(3)}), {there: 1002})
    assert known.last(b"fresh") == decided(3)
    known.worked_off([there])
    known.learn(Lesson({b"a": decided(1), b"b": decided(1)}), {other: 400})
    assert known.last(b"fresh") == decided(3)
    known.worked_off([other])
    assert known.last(b"fresh") is None


def test_no_more_is_kept_than_is_remembered() -> None:
    known = Revisions(3)
    for number in range(10):
        known.remember([(b"%d" % number, decided(1))])
        known.keep([b"%d" % number])
    known.remember((b"x%d" % number, decided(1)) for number in range(3))
    assert [known.last(b"%d" % number) is not None for number in range(10)] == [False] * 7 + [True] * 3


def test_an_outcome_beyond_a_backlog_is_not_counted_again_when_it_is_found() -> None:
    known = ledger(in_a_row=3)
    known.backlog(("reports", 0), 1000)
    known.learn(Lesson(outcomes=defaultdict(list, a=[True, True])), {("reports", 0): 1002})
    known.learn(Lesson(outcomes=defaultdict(list, a=[False])), {("reports", 0): 10})
    found = [Found(number, ("reports", 0), 1000 + number, None, None, "a", bad=True, marked=False) for number in (0, 1)]
    known.recall(found)
    known.learn(Lesson(outcomes=defaultdict(list, a=[True])), {("reports", 0): 11})
    assert known.marked == frozenset()


def test_what_others_answered_beyond_a_backlog_does_not_hide_what_they_answer_in_it() -> None:
    known = ledger(in_a_row=3)
    known.recall([Found(0, ("reports", 0), 100_000, None, None, "a", bad=False, marked=False)])
    for number in range(1, 4):
        known.recall([Found(number, ("reports", 0), number, None, None, "a", bad=True, marked=False)])
    assert known.marked == {"a"}


def test_what_was_counted_is_not_counted_again_when_all_is_recalled_anew() -> None:
    known = ledger(in_a_row=3)
    found = [Found(number, ("reports", 0), number, None, None, "a", bad=True, marked=False) for number in (1, 2)]
    known.recall(found)
    known.forget()
    known.recall(found)
    assert known.marked == frozenset()
    known.recall([Found(3, ("reports", 0), 3, None, None, "a", bad=True, marked=False)])
    assert known.marked == {"a"}


@given(st.binary(), st.sampled_from(["Exercise", "Test"]))
def test_no_report_is_named_like_a_drill(key: bytes, status: ReportStatus) -> None:
    assert name_of(b"lapd/" + key, "Actual") != name_of(key, status)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.sampled_from("ab"), st.integers(1, 6)),
        st.tuples(st.just("file"), st.sampled_from("ab"), st.integers(1, 6)),
        st.tuples(st.just("work"), st.just(""), st.integers(1, 4)),
        st.tuples(st.just("abort"), st.just(""), st.just(0)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@given(steps)
def test_what_is_published_of_a_report_only_rises_and_its_highest_revision_always_is(
    steps: list[tuple[str, str, int]],
) -> None:
    backend, known = city(), ledger()
    filed: dict[str, list[int]] = {"a": [], "b": []}
    for step, report_id, number in [*steps, ("work", "", 3)]:
        if step == "file":
            file(backend, report_id, number)
            filed[report_id].append(number)
        elif step == "work":
            Scorer(backend, known=known, most=number).work()
        elif step == "abort":
            backend.fail(Aborted("told-to", "by the test"))
        else:
            known = ledger()
    for report_id, revisions in filed.items():
        told: list[Priority] = [one for one in priorities(backend) if one.report_id == report_id]
        seen = [one.revision for one in told]
        assert all(before < after for before, after in pairwise(seen))
        assert max(seen, default=0) == max(revisions, default=0)
        assert [one.previous.revision if one.previous else None for one in told] == [None, *seen][: len(told)]


def test_what_a_batch_teaches_is_known_only_once_it_is_committed() -> None:
    backend, known = city(), ledger()
    file(backend, "1", 1)
    seen: list[Decision | None] = []

    def after(_: Tally) -> None:
        seen.append(known.last(b"lapd/1"))

    Scorer(backend, known=known, after=after).work()
    assert seen == [None]
    assert known.last(b"lapd/1") == decided(1)
