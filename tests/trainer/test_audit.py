"""Promises of the audit draw."""

import pytest

from tests.trainer.events import START, report
from trainer.audit import AuditDraw, drawn


def test_the_share_drawn_is_the_rate_and_its_probability_travels_along() -> None:
    draw = AuditDraw(b"secret", 0.05)
    requests = [request for n in range(20_000) if (request := draw.request(report(n), START))]
    assert 900 < len(requests) < 1100  # ±3.2 standard deviations
    assert {request.probability for request in requests} == {0.05}
    assert len({request.request_id for request in requests}) == len(requests)


def test_another_key_draws_others() -> None:
    names = [f"r{n}" for n in range(5000)]
    first, second = ({name for name in names if drawn(key, "x", name, 0.1)} for key in (b"a", b"b"))
    assert len(first & second) < 0.2 * len(first)


def test_what_a_report_says_cannot_sway_the_draw() -> None:
    draw = AuditDraw(b"secret", 0.5)
    for n in range(50):
        assert draw.request(report(n), START) == draw.request(report(n, weapons=("12",), victims=9), START)


def test_a_higher_rate_draws_the_same_reports_and_more() -> None:
    names = [f"r{n}" for n in range(2000)]
    few, many = ({name for name in names if drawn(b"k", "x", name, rate)} for rate in (0.05, 0.2))
    assert few < many


def test_drills_and_later_revisions_are_not_drawn() -> None:
    draw = AuditDraw(b"secret", 1.0)
    assert draw.request(report(1), START) is not None
    assert draw.request(report(1, status="Exercise"), START) is None
    assert draw.request(report(1, revision=2), START) is None
    assert AuditDraw(b"secret", 0.0).request(report(1), START) is None


def test_a_rate_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        AuditDraw(b"", 5)


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(AuditDraw(b"secret", 0.1))
