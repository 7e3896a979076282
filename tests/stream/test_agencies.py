"""Agencies whose reports turned bad: marked, answered without a score, and unmarked by themselves."""

import logging
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from schemas.priority import Priority
from stream.agencies import MARKED, Agencies, Limits
from tests.stream.standin import NOW, Marked
from tests.stream.whole import Scorer, city, priorities
from transport.errors import Aborted
from transport.memory import MemoryBackend

LIMITS = Limits(ratio=0.5, in_a_row=20)
GOOD, BAD = False, True


class Cad:
    """Writes good and bad records of one agency, each report with a number of its own."""

    def __init__(self, backend: MemoryBackend, agency: str, topic: str = topics.CRIME_REPORTS) -> None:
        self.backend, self.agency, self.topic, self.number = backend, agency, topic, 0

    def good(self, count: int, **fields: object) -> None:
        for _ in range(count):
            self.number += 1
            report = CrimeReport.model_validate(
                {"agency_id": self.agency, "report_id": str(self.number), "reported_at": NOW, **fields}
            )
            key, value, headers = encode(report, source="cad/test", time=NOW)
            self.backend.put(self.topic, key, value, headers)

    def bad(self, count: int, key: bytes | None = None) -> None:
        for _ in range(count):
            self.number += 1
            self.backend.put(self.topic, key or f"{self.agency}/{self.number}".encode(), b"{")


def scored(backend: MemoryBackend, agency: str) -> list[bool]:
    """Of each priority of a readable report, whether it was scored."""
    return [one.severity is not None for one in priorities(backend) if one.agency_id == agency and not one.dead_letter]


def judged(outcomes: list[bool]) -> list[bool]:
    """Whether the agency is marked after each record."""
    agencies = Agencies(LIMITS)
    seen = []
    for bad in outcomes:
        agencies.add("a", [bad])
        seen.append(bool(agencies.marked))
    return seen


def test_twenty_bad_records_in_a_row_mark_and_nineteen_do_not() -> None:
    assert judged([BAD] * 20) == [False] * 19 + [True]
    assert not any(judged(([GOOD] * 60 + [BAD] * 19) * 5))


def test_half_of_the_last_hundred_mark_and_less_does_not() -> None:
    assert judged([GOOD, BAD] * 25)[48:] == [False, True]
    assert not any(judged([GOOD] * 51 + [GOOD, BAD] * 20))
    assert not any(judged([GOOD, GOOD, BAD] * 200))


def test_a_mark_ends_when_less_than_a_tenth_of_the_last_hundred_is_bad() -> None:
    seen = judged([BAD] * 20 + [GOOD] * 200)
    assert seen.index(False, 20) == 20 + 90  # ten of the twenty have fallen out of the window, and one more
    assert not any(seen[111:])
    assert all(judged([BAD] * 20 + [GOOD] * 99 + [GOOD] * 9 + [BAD] * 11 + [GOOD] * 2)[20:108])


def test_a_feed_between_the_two_limits_does_not_flap() -> None:
    seen = judged([BAD] * 20 + ([GOOD] * 7 + [BAD] * 3) * 100)
    assert all(seen[20:])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.booleans(), max_size=60)), max_size=30))
def test_how_records_are_cut_into_batches_does_not_matter(batches: list[tuple[str, list[bool]]]) -> None:
    whole, single = Agencies(LIMITS), Agencies(LIMITS)
    for agency, outcomes in batches:
        whole.add(agency, outcomes)
        for bad in outcomes:
            single.add(agency, [bad])
        assert whole.marked == single.marked


@given(st.lists(st.booleans(), max_size=400), st.integers(1, 100))
def test_the_window_counts_its_last_hundred(outcomes: list[bool], step: int) -> None:
    agencies, rest = Agencies(Limits(ratio=2, in_a_row=10**6)), iter(outcomes)
    while batch := list(islice(rest, step)):
        agencies.add("a", batch)
    window = agencies._windows.get("a")
    assert (list(window.recent), window.bad) == (outcomes[-100:], sum(outcomes[-100:])) if window else not outcomes


def test_only_so_many_agencies_are_watched_and_the_one_silent_for_longest_goes() -> None:
    agencies = Agencies(LIMITS, most=2)
    agencies.add("a", [BAD] * 20)
    agencies.add("b", [BAD] * 20)
    agencies.add("a", [GOOD])
    agencies.add("c", [GOOD])
    assert agencies.marked == {"a"}


@pytest.fixture
def marked() -> tuple[MemoryBackend, Cad, Cad]:
    """Two agencies, of which the first has turned bad."""
    backend = city()
    broken, sound = Cad(backend, "broken"), Cad(backend, "sound")
    broken.bad(20)
    sound.good(5)
    Scorer(backend).work()
    return backend, broken, sound


def test_a_marked_agencys_reports_go_to_a_person_and_everyone_elses_are_scored_in_the_same_batch(
    marked: tuple[MemoryBackend, Cad, Cad],
) -> None:
    backend, broken, sound = marked
    broken.good(3, revision=2)
    sound.good(3)
    scorer = Scorer(backend)
    scorer.work()
    assert (scored(backend, "broken"), scored(backend, "sound")) == ([False] * 3, [True] * 8)
    told = [one for one in priorities(backend) if one.agency_id == "broken" and not one.dead_letter]
    assert [(one.revision, one.needs_human_triage, one.reasons[0].code) for one in told] == [(2, True, MARKED)] * 3
    value = scorer.registry.get_sample_value
    assert value("severity_agency_marked", {"agency": "broken"}) == 1
    assert value("severity_agency_marked", {"agency": "sound"}) is None
    assert value("severity_agency_triage_total") == 3


def test_a_mark_ends_by_itself_and_is_told_once_each_way(
    marked: tuple[MemoryBackend, Cad, Cad], caplog: pytest.LogCaptureFixture
) -> None:
    backend, broken, _ = marked
    caplog.set_level(logging.WARNING, "stream")
    scorer = Scorer(backend, most=10)
    broken.good(120)
    scorer.work()
    assert scored(backend, "broken") == [False] * 100 + [True] * 20  # at the end of the batch with the 91st
    assert scorer.registry.get_sample_value("severity_agency_marked", {"agency": "broken"}) is None
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "agency broken is marked",
        "agency broken is no longer marked",
    ]


def test_an_aborted_batch_marks_nobody() -> None:
    backend = city()
    Cad(backend, "broken").bad(15)
    for _ in range(3):
        backend.fail(Aborted("told-to", "by the test"))
    scorer = Scorer(backend)
    scorer.work()
    assert scorer.ledger.marked == frozenset()


@pytest.mark.parametrize("good", [0, 40, 85])
def test_a_restart_finds_the_mark_again_and_where_it_stood(good: int) -> None:
    """As many good ones after the restart end the mark as would have without it."""
    endings = []
    for restart in (False, True):
        backend = city()
        broken = Cad(backend, "broken")
        broken.good(100)
        broken.bad(20)
        first = Scorer(backend, most=1)
        first.work()
        broken.good(good)
        first.work()
        broken.good(150 - good)
        (Scorer(backend, most=1) if restart else first).work()
        endings.append(scored(backend, "broken"))
    assert endings[0] == endings[1]
    assert endings[0].count(False) == 91


def test_what_is_recalled_again_is_not_counted_again() -> None:
    backend = city()
    Cad(backend, "broken").bad(15)
    scorer = Scorer(backend)
    for _ in range(3):
        scorer.work()
    assert scorer.ledger.marked == frozenset()


def test_records_of_nobody_knows_whom_count_against_the_agency_whose_topic_it_is() -> None:
    topic = f"broken.{topics.CRIME_REPORTS}"
    backend = MemoryBackend({topic: 1, topics.CRIME_REPORTS: 1, topics.PRIORITIES: 1}, [topic, topics.CRIME_REPORTS])
    Cad(backend, "victim", topic).bad(10)  # in another's name
    Cad(backend, "broken", topic).bad(10, key=b"no key of ours")
    Cad(backend, "nobody").bad(30, key=b"no key of ours")
    scorer = Scorer(backend)
    scorer.work()
    assert scorer.ledger.marked == {"broken"}


def test_a_report_with_a_wrong_field_is_scored_and_counts_as_bad() -> None:
    backend = city()
    for number in range(20):
        body = f'{{"agency_id": "a", "report_id": "{number}", "reported_at": "2026-01-01T00:00:00Z", "victims": -1}}'
        backend.put(topics.CRIME_REPORTS, None, body.encode())
    scorer = Scorer(backend)
    scorer.work()
    assert scorer.ledger.marked == {"a"}
    assert [one.severity for one in priorities(backend)] == [3] * 20


def test_a_marked_agencys_report_that_no_rule_can_take_goes_to_a_person_all_the_same(
    marked: tuple[MemoryBackend, Cad, Cad],
) -> None:
    backend, broken, _ = marked
    broken.good(1)
    Scorer(backend, assessor=Marked(fails=lambda report: report.agency_id == "broken")).work()
    last: Priority = priorities(backend)[-1]
    assert (last.severity, last.dead_letter and last.dead_letter.reason) == (None, "unscorable")
