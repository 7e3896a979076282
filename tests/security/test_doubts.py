"""What a report says of itself is not simply believed: a real one that is marked as a test must not vanish."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.priority import Priority, Reason, SourcePosition
from severity.reasons import MOST
from stream.doubts import AHEAD, NOT_ITS_DRILL, Doubts, doubted
from stream.settings import ScorerSettings
from tests.stream.standin import NOW, Marked
from tests.stream.test_processor import processor
from transport.records import Outgoing, Record

ARRIVED_MS = int(NOW.timestamp() * 1000)
DEPLOYED = Doubts(frozenset({"academy"}), ahead_seconds=300)


def filed(agency: str, **fields: Any) -> Record:
    report = CrimeReport.model_validate({"agency_id": agency, "report_id": "1", "reported_at": NOW, **fields})
    key, value, headers = encode(report, source="test", time=NOW)
    return Record(topics.CRIME_REPORTS, 0, 0, key, value, tuple(headers), ARRIVED_MS)


def answer(output: Outgoing) -> Priority:
    return decode(Priority, output.key, output.value, output.headers)


def codes(priority: Priority) -> list[str]:
    return [reason.code for reason in priority.reasons]


@pytest.mark.parametrize("status", ["Exercise", "Test"])
def test_a_drill_of_an_agency_that_may_hold_none_is_shown_to_responders_as_real_and_to_a_person(status: str) -> None:
    batch, tally = processor(doubts=DEPLOYED).process([filed("rivertown", status=status)])
    (output,) = batch.outputs
    assert output.topic == topics.PRIORITIES
    assert answer(output).status == "Actual"
    assert answer(output).severity == 3, "scored as any other"
    assert answer(output).needs_human_triage
    assert codes(answer(output))[0] == NOT_ITS_DRILL.code
    assert (tally.doubted, tally.drills) == ({NOT_ITS_DRILL.code: 1}, 0)


def test_a_drill_of_an_agency_that_may_is_kept_from_responders() -> None:
    batch, tally = processor(doubts=DEPLOYED).process([filed("academy", status="Test")])
    assert [output.topic for output in batch.outputs] == [topics.PRIORITIES_EXERCISE]
    assert (tally.doubted, tally.drills) == ({}, 1)


def test_nobodys_drills_are_believed_by_default() -> None:
    assert ScorerSettings().drills_from == ()


@pytest.mark.parametrize(("ahead", "wrong"), [(-86_400, False), (0, False), (300, False), (301, True), (10**9, True)])
def test_a_time_that_is_yet_to_come_is_told_and_the_report_scored_all_the_same(ahead: int, wrong: bool) -> None:
    batch, tally = processor(doubts=DEPLOYED).process([filed("rivertown", reported_at=NOW + timedelta(seconds=ahead))])
    (priority,) = map(answer, batch.outputs)
    assert priority.severity == 3
    assert priority.needs_human_triage is wrong
    assert tally.doubted == ({AHEAD.code: 1} if wrong else {})


def test_reasons_that_have_no_room_any_more_are_in_the_rest_so_that_the_sum_stays_exact() -> None:
    position = SourcePosition(topic="crime-reports", partition=0, offset=0)
    report = CrimeReport(agency_id="a", report_id="1", reported_at=NOW)
    (plain,) = Marked().assess([report], [position], NOW)
    told = tuple(Reason(code=f"r{n}", text="x", contribution=2.0**n) for n in range(MOST))
    full = plain.model_copy(update={"reasons": told, "other_contribution": 0.5})
    made = doubted(full, [NOT_ITS_DRILL, AHEAD])
    assert len(made.reasons) == MOST
    assert made.other_contribution is not None
    assert (
        sum(r.contribution or 0 for r in made.reasons) + made.other_contribution == sum(2.0**n for n in range(4)) + 0.5
    )
