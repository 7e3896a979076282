"""What `bench.account` says of reports and the priorities that name them."""

import json
import math

from bench.account import account
from transport.records import Record


def test_each_report_with_one_priority_is_a_clean_account() -> None:
    found = account([_report(0), _report(1)], [_priority(0, 3_000), _priority(1, 2_000)])
    assert found == (2, 2, 0, 0, 0, 2.0)


def test_a_report_without_a_priority_is_unanswered() -> None:
    assert account([_report(0), _report(1)], [_priority(1)]).unanswered == 1


def test_every_priority_beyond_the_first_is_a_double() -> None:
    assert account([_report(0)], [_priority(0)] * 3).doubled == 2


def test_a_priority_for_no_report_is_a_stray_and_answers_none() -> None:
    found = account([_report(0)], [_priority(7)])
    assert (found.strays, found.unanswered) == (1, 1)


def test_without_priorities_there_is_no_first_one() -> None:
    assert math.isnan(account([_report(0)], []).first_priority)


def _report(offset: int) -> Record:
    return Record("crime-reports", 0, offset, None, b"{}", (), 0)


def _priority(offset: int, at: int = 0) -> Record:
    source = {"topic": "crime-reports", "partition": 0, "offset": offset}
    return Record("priorities", 0, 0, None, json.dumps({"source": source}).encode(), (), at)
