"""Cases on the clock."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import pytest

from cad.city import Case, Correction, Outcome, Revision
from cad.outcomes import Delays, RecordsOffice, Regime
from cad.replay import Pace, Replay, schedule
from cad.simulated import SimulatedCity
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.solved_case import Offence, SolvedCase

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400.0


def case(number: int, filed: datetime = START, corrected: timedelta | None = None) -> Case:
    report = CrimeReport(agency_id="a", report_id=str(number), reported_at=filed)
    corrections = (Correction(corrected, report.model_copy(update={"revision": 2})),) if corrected else ()
    return Case(report, Outcome((Offence(nibrs_code="120"),), "CLEARED BY ARREST", True), corrections)


def replay(cases: Iterator[Case], pace: Pace, regime: Regime = Regime.ALL, most: int | None = None) -> Replay:
    return Replay(cases, pace, RecordsOffice(regime, Delays()), most=most)


def test_nothing_that_belongs_to_a_report_comes_out_before_it() -> None:
    play = replay(iter(SimulatedCity(3, START)), Pace(speed=1, later=5 * DAY, rate=100), most=2000)
    seen: defaultdict[bytes, list[str]] = defaultdict(list)
    for tick in range(2000):
        for event in play.due(tick * 0.05):
            kind = "outcome" if isinstance(event, SolvedCase) else f"revision {event.revision}"
            seen[event.key].append(kind)
    assert play.over
    assert len(seen) == 2000
    assert all(kinds[0] == "revision 1" and len(set(kinds)) == len(kinds) for kinds in seen.values())
    assert any("revision 2" in kinds for kinds in seen.values())
    drills = play.counts["drills"]
    assert play.counts["reports"] + drills >= 2000
    assert sum("outcome" in kinds for kinds in seen.values()) == play.counts["outcomes"] >= 2000 - drills


def test_reports_come_out_in_order_of_filing_at_the_rate() -> None:
    play = replay((case(n) for n in range(100)), Pace(speed=1, later=1, rate=10), Regime.SOLVED)
    assert [event.report_id for event in play.due(0.95)] == [str(n) for n in range(10)]
    assert play.wait(0.95) == pytest.approx(0.05)
    assert [event.report_id for event in play.due(1.0)] == ["10"]


def test_speed_keeps_the_distances_between_reports() -> None:
    filed = [START, START + timedelta(hours=1), START + timedelta(hours=5)]
    pace = Pace(speed=3600, later=3600)
    assert [at for at, _ in schedule((case(n, t) for n, t in enumerate(filed)), pace)] == [0, 1, 5]


def test_reports_of_which_only_the_day_is_known_are_spread_over_it() -> None:
    days = [START + timedelta(days=day) for day in (0, 0, 1, 1, 1, 1, 9)]
    times = [at for at, _ in schedule((case(n, t) for n, t in enumerate(days)), Pace(speed=DAY, later=1))]
    assert times == pytest.approx([0, 0.5, 0.75, 1.0, 1.25, 1.5, 9.5])


def test_reports_of_which_only_the_month_is_known_are_spread_over_it() -> None:
    filed = [START, *[START + timedelta(days=30)] * 3, *[START + timedelta(days=400)] * 2]
    times = [at for at, _ in schedule((case(n, t) for n, t in enumerate(filed)), Pace(speed=DAY, later=1))]
    assert times == pytest.approx([0, 10, 20, 30, 384.5, 400])


def test_a_long_wait_is_cut_at_the_stated_limit() -> None:
    pace = Pace(speed=1, later=DAY, rate=1, longest_wait=3)
    assert pace.wait(timedelta(days=2)) == 2
    assert pace.wait(timedelta(days=200)) == 3
    assert "at most 3 s" in str(pace)


def test_an_audit_request_is_answered_after_its_delay() -> None:
    play = replay(iter([case(1)]), Pace(speed=1, later=DAY, rate=1), Regime.SOLVED_AND_AUDITED)
    play.due(0)
    ask = AuditRequest(agency_id="a", report_id="1", request_id="r", drawn_at=START, probability=0.1)
    play.ask(ask, 10)
    delay = Delays().draw("audited", "a/1") / timedelta(days=1)
    assert not [event for event in play.due(9.9 + delay) if isinstance(event, SolvedCase) and event.audit]
    answers = [event for event in play.due(10.1 + delay) if isinstance(event, SolvedCase) and event.audit]
    assert (len(answers), play.counts["audit_answers"]) == (1, 1)


def test_filing_ends_at_the_limit_or_when_told_and_what_follows_still_comes() -> None:
    endless = (case(n, corrected=timedelta(days=2)) for n in count())
    play = replay(endless, Pace(speed=1, later=DAY, rate=10), most=5)
    assert len(play.due(1)) == 5
    assert not play.filed
    assert [event.report_id for event in play.due(3) if isinstance(event, CrimeReport)] == list("01234")
    assert play.filed
    other = replay((case(n) for n in count()), Pace(speed=1, later=DAY, rate=10))
    assert len(other.due(0.25)) == 3
    other.stop_filing()
    assert all(isinstance(event, SolvedCase) for event in other.due(1000))
    assert other.over


def test_a_backlog_comes_out_in_portions_and_nothing_is_left_out() -> None:
    play = replay((case(n) for n in range(25)), Pace(speed=1, later=1, rate=1000), Regime.SOLVED)
    portions = [len(play.due(1, most=10)) for _ in range(4)]
    assert portions == [10, 10, 5, 0]


def test_an_endless_city_is_read_only_as_far_as_needed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[Case]:
        for number in count():
            taken.append(number)
            yield case(number)

    play = replay(endless(), Pace(speed=1, later=1, rate=10))
    play.due(0.95)
    assert len(taken) == 11
    assert len(list(islice(schedule(endless(), Pace(1, 1, rate=1)), 3))) == 3


def test_later_outcomes_of_a_case_come_out_after_its_first_with_rising_sequences() -> None:
    unfounded = Revision(timedelta(days=1), Outcome((), "UNFOUNDED", cleared=False, unfounded=True))
    play = replay(iter([replace(case(1), revisions=(unfounded,))]), Pace(speed=1, later=DAY, longest_wait=1))
    events = play.due(0.0) + play.due(1.0)
    assert [type(event) for event in events] == [CrimeReport, SolvedCase, SolvedCase]
    assert [(event.basis, event.sequence) for event in events if isinstance(event, SolvedCase)] == [
        ("solved", 1),
        ("unfounded", 2),
    ]
