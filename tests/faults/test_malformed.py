"""Thousands of reports gone wrong at random; `python -m bench.malformed` does the same for hundreds of thousands."""

import logging

import pytest

from bench.malformed import TOGETHER, Findings, Scorer, examine
from bench.mutation import Mutator
from schemas import topics
from tests.severity.small_model import small_model

RECORDS = 3_000


def test_no_malformed_record_raises_hangs_or_vanishes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # what is logged of a batch is counted here
    model, prediction_sets, reports = small_model()
    scorer, findings = Scorer(model, prediction_sets), Findings()
    mutator = Mutator(reports, seed=1, topic=topics.CRIME_REPORTS)
    for first in range(0, RECORDS, TOGETHER):
        examine(scorer, [mutator.record(number) for number in range(first, first + TOGETHER)], findings)
    assert not findings.faults
    assert findings.outcomes.total() == RECORDS
    assert {outcome for outcome, _ in findings.outcomes} == {
        "priority",
        "dead letter",
        "dead letter, triage priority",
        "dead letter, priority in part",
    }
