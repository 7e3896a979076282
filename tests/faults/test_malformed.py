"""Thousands of reports gone wrong at random; `python -m bench.malformed` does the same for hundreds of thousands."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bench.inbound import READ, readers
from bench.malformed import ALL, TOGETHER, Findings, Scorer, examine, go_through
from bench.mutation import Mutator
from schemas import topics
from tests.severity.small_model import small_model
from transport.records import Record

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


def test_no_malformed_record_stops_the_readers_of_any_topic(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    with readers(ALL) as found:
        assert {reader.topic for reader in found} == set(ALL)
        for reader in found:
            findings = Findings()
            go_through(reader, 300, seed=2, findings=findings, tick=lambda: None)
            assert not findings.faults
            assert findings.outcomes.total() == 300
            assert 0 < findings.outcomes[reader.who, READ] < 300, f"{reader.who} reads some and refuses some"


def test_a_reader_that_raises_on_one_record_or_loses_one_is_found_out() -> None:
    with readers(["audit-requests"]) as (sound,):
        pass

    def raises(records: Sequence[Record]) -> Counter[str]:
        if any(record.offset == 7 for record in records):
            raise KeyError("7")
        return sound.read(records)

    def loses(records: Sequence[Record]) -> Counter[str]:
        return sound.read([record for record in records if record.offset != 7])

    for read, told in ((raises, "KeyError"), (loses, "1 of 1 vanished")):
        findings = Findings()
        go_through(replace(sound, read=read), 20, seed=2, findings=findings, tick=lambda: None)
        (fault,) = findings.faults
        assert "record 7" in fault
        assert told in fault
