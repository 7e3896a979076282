"""Promises of golden reports: like the real ones, and none of them."""

from datetime import UTC, datetime
from itertools import islice

from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from tests.trainer.events import report
from trainer.releasing.golden import GOLDEN_ROWS, OWN, TOGETHER, golden

FIELDS = CrimeReport.model_fields.keys() - TOGETHER - OWN


def city(n: int) -> list[CrimeReport]:
    cases = SimulatedCity(3, datetime(2026, 1, 1, tzinfo=UTC))
    return [case.report for case in islice(cases, n)]


def test_no_golden_report_tells_of_a_real_one() -> None:
    real = city(300)
    made = golden(real)
    assert len(made) == GOLDEN_ROWS
    for one in made:
        for other in real:
            assert one.report_id != other.report_id
            assert (one.reported_at, one.occurred_from) != (other.reported_at, other.occurred_from)
            assert any(getattr(one, name) != getattr(other, name) for name in FIELDS)
        assert one.location.latitude is None or round(one.location.latitude, 2) == one.location.latitude


def test_the_same_reports_give_the_same_golden_ones() -> None:
    assert golden(city(100)) == golden(city(100)) != golden(city(100), seed=1)


def test_a_report_that_stands_alone_gives_away_no_more_than_its_time() -> None:
    (made,) = golden([report(1, weapons=("12",), victims=3)])
    assert (made.weapons, made.victims) == ((), None)
    assert {one.agency_id for one in golden([report(1), report(2), report(3, agency_id="otherton")])} == {"riverton"}
