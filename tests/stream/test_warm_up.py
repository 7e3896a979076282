import itertools

import pytest

from schemas.crime_report import CrimeReport
from severity.assess import Release
from stream.errors import ReleaseRefused
from stream.settings import ScorerSettings
from stream.tables import Tables
from stream.warm_up import REPORTS, warm_up
from tests.stream.releases import Trainer
from tests.stream.standin import NOW, Marked

GOLDEN = [CrimeReport(agency_id="a", report_id=str(number), reported_at=NOW) for number in range(2 * REPORTS)]


def test_a_release_that_is_too_slow_is_refused_and_one_slow_report_does_not_make_it_so() -> None:
    with pytest.raises(ReleaseRefused, match=r"too-slow: 6\.0 ms"):
        warm_up(Marked(), GOLDEN, slowest_ms=5.0, now=NOW, timer=itertools.count(0.0, 0.006).__next__)
    hiccup = iter([0.0, 1.0, *itertools.accumulate([0.001] * 2 * REPORTS, initial=1.0)])
    warm_up(Marked(), GOLDEN, slowest_ms=5.0, now=NOW, timer=hiccup.__next__)


def test_a_release_that_fails_in_the_scorers_process_is_refused(trainer: Trainer) -> None:
    ref, failures, tables = Marked().model, list[Exception](), Tables.load(ScorerSettings())
    whole = Release(trainer.model.compile(), trainer.prediction_sets, ref)
    warm_up(tables.assessor(whole, failures.append), trainer.reports, slowest_ms=1e9, now=NOW, timer=lambda: 0.0)
    assert failures == []
    broken = Release(None, trainer.prediction_sets, ref)  # type: ignore[arg-type]  # a scorer that always fails
    with pytest.raises(ReleaseRefused, match="fails-here"):
        warm_up(tables.assessor(broken, failures.append), trainer.reports, slowest_ms=1e9, now=NOW, timer=lambda: 0.0)
