"""What the demo counts."""

from datetime import UTC, datetime

import pytest

from cli.demo.tally import Tally
from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef, Priority, SourcePosition
from schemas.solved_case import Offence, SolvedCase
from severity.levels import LevelTable

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def report(number: int, revision: int = 1) -> CrimeReport:
    return CrimeReport(agency_id="rivertown", report_id=str(number), revision=revision, reported_at=NOW)


def priority(number: int, severity: int, *, model_severity: int | None = None, revision: int = 1) -> Priority:
    return Priority(
        agency_id="rivertown", report_id=str(number), revision=revision, status="Actual", severity=severity,
        model_severity=model_severity, score=None, probabilities=None, priority="P3", colour="#112233",
        target_minutes=60, eido_priority=5, decided_by="rule", degraded=model_severity is None,
        needs_human_triage=False, policy_version="1", reported_at=NOW, scored_at=NOW,
        model=ModelRef(name="severity", release=2, digest="0" * 64) if model_severity else None,
        source=SourcePosition(topic="crime-reports", partition=0, offset=number),
    )  # fmt: skip


def outcome(number: int, code: str, basis: str = "classified") -> SolvedCase:
    return SolvedCase.model_validate(
        {"agency_id": "rivertown", "report_id": str(number), "case_status": "CLOSED", "basis": basis}
        | {"closed_at": NOW, "offences": [Offence(nibrs_code=code)]}
    )


@pytest.fixture
def tally() -> Tally:
    return Tally(LevelTable.load())


def test_a_report_without_priority_is_lost_until_it_has_one(tally: Tally) -> None:
    tally.report(report(1), 1000)
    tally.report(report(1, revision=2), 1000)
    tally.priority(priority(1, 3), 1005)
    assert tally.lost == 1
    tally.priority(priority(1, 3, revision=2), 1009)
    assert tally.lost == 0
    assert tally.latency_ms() == pytest.approx((7, 9), abs=0.1)


def test_a_priority_read_before_its_report_is_timed_all_the_same(tally: Tally) -> None:
    tally.priority(priority(1, 3), 1005)
    tally.report(report(1), 1000)
    assert tally.lost == 0
    assert tally.latency_ms() == (5, 5)


def test_a_repeated_priority_counts_once(tally: Tally) -> None:
    for _ in range(2):
        tally.priority(priority(1, 3), 1000)
    assert (tally.priorities, tally.doubled) == (1, 1)


def test_published_and_own_levels_are_judged_apart_and_withdrawn_outcomes_not_at_all(tally: Tally) -> None:
    tally.priority(priority(1, 5, model_severity=5), 0)
    tally.priority(priority(2, 4, model_severity=2), 0)
    tally.priority(priority(3, 1, model_severity=1), 0)
    tally.outcome(outcome(1, "09A"))  # murder, level 5
    tally.outcome(outcome(2, "240"))  # motor vehicle theft, level 2
    tally.outcome(outcome(3, "09A"))
    tally.outcome(outcome(3, "09A", basis="unfounded"))
    published, own = tally.quality_by_release()[2]
    assert (published.labels, published.accuracy) == (2, 0.5)
    assert (own.labels, own.accuracy, own.macro_f1) == (2, 1.0, 1.0)
    assert tally.quality().labels == 2
