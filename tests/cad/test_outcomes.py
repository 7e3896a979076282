"""Which outcomes become known, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from cad.city import Case, Outcome, Revision
from cad.outcomes import Delays, RecordsOffice, Regime
from schemas.audit_request import SECOND, AuditRequest
from schemas.crime_report import CrimeReport
from schemas.solved_case import AuditAnswer, Offence

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def case(name: str, *, cleared: bool = False, unfounded: bool = False, status: str = "Actual") -> Case:
    report = CrimeReport(agency_id="a", report_id=name, reported_at=NOW, status=status)
    offences = () if unfounded else (Offence(nibrs_code="120"),)
    records = "CLEARED BY ARREST" if cleared else "UNFOUNDED" if unfounded else "INACTIVE"
    return Case(report, Outcome(offences, records, cleared, unfounded))


def request(name: str, number: str = "r1") -> AuditRequest:
    return AuditRequest(agency_id="a", report_id=name, request_id=number, drawn_at=NOW, probability=0.05)


@pytest.mark.parametrize(
    ("regime", "open_case", "audited"),
    [(Regime.ALL, "classified", True), (Regime.SOLVED, None, False), (Regime.SOLVED_AND_AUDITED, None, True)],
)
def test_a_regime_says_which_outcomes_become_known(regime: Regime, open_case: str | None, audited: bool) -> None:
    office = RecordsOffice(regime, Delays())
    solved, unfounded = office.open(case("1", cleared=True)), office.open(case("2", unfounded=True))
    assert solved is not None
    assert (solved.event.basis, solved.event.case_status) == ("solved", "CLEARED BY ARREST")
    assert unfounded is not None
    assert (unfounded.event.basis, unfounded.event.offences) == ("unfounded", ())
    uncleared = office.open(case("3"))
    assert (uncleared and uncleared.event.basis) == open_case
    answer = office.ask(request("3"))
    assert (answer is not None) is audited
    assert office.unanswered == ({} if audited else {"regime": 1})


def test_an_audit_is_answered_once_with_its_request_and_probability() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    office.open(case("1"))
    answer = office.ask(request("1"))
    assert answer is not None
    assert answer.event.basis == "audited"
    assert answer.event.audit == AuditAnswer(request_id="r1", probability=0.05)
    assert answer.event.offences == (Offence(nibrs_code="120"),)
    assert office.ask(request("1")) is None
    assert office.ask(request("none", "r2")) is None
    assert office.unanswered == {"repeated": 1, "unknown-report": 1}


def test_an_audit_of_what_was_no_crime_says_so() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    office.open(case("1", unfounded=True))
    answer = office.ask(request("1"))
    assert answer is not None
    assert (answer.event.basis, answer.event.offences) == ("unfounded", ())


def test_a_drill_has_no_outcome() -> None:
    office = RecordsOffice(Regime.ALL, Delays())
    assert office.open(case("1", cleared=True, status="Exercise")) is None
    assert office.ask(request("1")) is None


def test_outcomes_of_one_report_are_numbered_as_they_are_published() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    solved = office.open(case("1", cleared=True))
    answer = office.ask(request("1"))
    assert solved is not None
    assert answer is not None
    first, second = office.number(answer.event), office.number(solved.event)
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.ce_id != second.ce_id


def test_the_office_forgets_its_oldest_cases_and_counts_what_it_cannot_answer() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays(), remember=2)
    for name in "123":
        office.open(case(name))
    assert office.ask(request("1", "r1")) is None
    assert office.ask(request("3", "r3")) is not None


def test_delays_follow_the_stated_distribution_and_depend_on_report_and_seed_alone() -> None:
    delays = Delays(solved=14, seed=3)
    drawn = [delays.draw("solved", f"a/{number}") / timedelta(days=1) for number in range(4000)]
    assert median(drawn) == pytest.approx(14, rel=0.1)
    assert min(drawn) > 0
    assert max(drawn) == 180
    assert delays.draw("solved", "a/1") == Delays(solved=14, seed=3).draw("solved", "a/1")
    assert delays.draw("solved", "a/1") != Delays(solved=14, seed=4).draw("solved", "a/1")
    assert "drawn" in str(delays)
    assert "median 14 days" in str(delays)


def test_a_report_that_is_asked_for_twice_gets_two_answers_each_at_its_own_time() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    office.open(case("1"))
    first, second = office.ask(request("1")), office.ask(request("1", f"r1{SECOND}"))
    assert first is not None
    assert second is not None
    assert second.event.audit == AuditAnswer(request_id=f"r1{SECOND}", probability=0.05)
    assert first.after != second.after


UNFOUNDED = Outcome((), "UNFOUNDED", cleared=False, unfounded=True)
RECODED = Outcome((Offence(nibrs_code="13B"),), "OPEN", cleared=False)


def revised(*revisions: Revision) -> Case:
    return replace(case("1"), revisions=revisions)


def test_later_outcomes_follow_the_first_however_early_they_were_known() -> None:
    office = RecordsOffice(Regime.ALL, Delays())
    corrected = revised(Revision(timedelta(0), RECODED), Revision(timedelta(days=400), UNFOUNDED))
    first = office.open(corrected)
    assert first is not None
    recoded, unfounded = office.revise(corrected, first)
    assert first.after < recoded.after < unfounded.after == timedelta(days=400)
    assert (first.event.offences, recoded.event.offences) == ((Offence(nibrs_code="120"),), RECODED.offences)
    assert (recoded.event.basis, unfounded.event.basis) == ("classified", "unfounded")
    assert first.event.closed_at < recoded.event.closed_at < unfounded.event.closed_at
    assert [office.number(opened.event).sequence for opened in (first, recoded, unfounded)] == [1, 2, 3]


def test_a_class_that_was_never_told_is_not_told_anew_but_no_crime_is() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    corrected = revised(Revision(timedelta(days=30), RECODED), Revision(timedelta(days=60), UNFOUNDED))
    assert office.open(corrected) is None
    assert [opened.event.basis for opened in office.revise(corrected, None)] == ["unfounded"]


def test_a_grader_knows_what_the_office_only_says_later() -> None:
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    office.open(revised(Revision(timedelta(days=30), RECODED)))
    answer = office.ask(request("1"))
    assert answer is not None
    assert answer.event.offences == RECODED.offences
