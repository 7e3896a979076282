"""Promises of the audit draw."""

import pytest

from schemas.solved_case import AuditAnswer
from tests.trainer.events import START, report
from trainer.audits.draw import AuditDraw, drawn


def test_the_share_drawn_is_the_rate_and_its_probability_travels_along() -> None:
    draw = AuditDraw(b"secret", 0.05)
    requests = [drawn[0] for n in range(20_000) if (drawn := draw.requests(report(n), START))]
    assert 900 < len(requests) < 1100  # ±3.2 standard deviations
    assert {request.probability for request in requests} == {0.05}
    assert len({request.request_id for request in requests}) == len(requests)


def test_a_tenth_of_the_drawn_is_asked_for_twice_and_the_second_request_says_so() -> None:
    draw = AuditDraw(b"secret", 0.5)
    asked = [drawn for n in range(10_000) if (drawn := draw.requests(report(n), START))]
    twice = [drawn for drawn in asked if len(drawn) == 2]
    assert 420 < len(twice) < 580  # of 5,000: ±3.8 standard deviations
    for first, second in twice:
        assert (first.second, second.second) == (False, True)
        assert AuditAnswer(request_id=second.request_id, probability=0.5).second
        assert not AuditAnswer(request_id=first.request_id, probability=0.5).second
        assert first.ce_id != second.ce_id
        assert first.probability == second.probability == 0.5


def test_whether_a_report_is_graded_twice_does_not_hang_on_the_rate() -> None:
    names = [report(n) for n in range(2000)]
    for one in names:
        few, many = (AuditDraw(b"k", rate).requests(one, START) for rate in (0.2, 0.9))
        assert not few or len(few) == len(many)


def test_another_key_draws_others() -> None:
    names = [f"r{n}" for n in range(5000)]
    first, second = ({name for name in names if drawn(key, "x", name, 0.1)} for key in (b"a", b"b"))
    assert len(first & second) < 0.2 * len(first)


def test_what_a_report_says_cannot_sway_the_draw() -> None:
    draw = AuditDraw(b"secret", 0.5)
    for n in range(50):
        assert draw.requests(report(n), START) == draw.requests(report(n, weapons=("12",), victims=9), START)


def test_a_higher_rate_draws_the_same_reports_and_more() -> None:
    names = [f"r{n}" for n in range(2000)]
    few, many = ({name for name in names if drawn(b"k", "x", name, rate)} for rate in (0.05, 0.2))
    assert few < many


def test_drills_and_later_revisions_are_not_drawn() -> None:
    draw = AuditDraw(b"secret", 1.0)
    assert draw.requests(report(1), START)
    assert not draw.requests(report(1, status="Exercise"), START)
    assert not draw.requests(report(1, revision=2), START)
    assert not AuditDraw(b"secret", 0.0).requests(report(1), START)


def test_a_rate_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        AuditDraw(b"", 5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        AuditDraw(b"", 0.5, -1)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(AuditDraw(b"secret", 0.1))
