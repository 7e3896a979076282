"""How large batches get."""

from hypothesis import given
from hypothesis import strategies as st

from transport.bounds import FIRST, Bounds, Pace
from transport.records import Record


def record(offset: int, size: int) -> Record:
    return Record("in", 0, offset, None, b"x" * size, (), 0)


@given(st.lists(st.integers(0, 120), min_size=1, max_size=40), st.integers(1, 200))
def test_parts_keep_every_record_in_order_and_none_is_larger_than_asked_for(sizes: list[int], most: int) -> None:
    records = [record(offset, size) for offset, size in enumerate(sizes)]
    parts = list(Bounds(bytes=most).within(records))
    assert [each for part in parts for each in part] == records
    assert all(parts)
    for part in parts:
        assert len(part) == 1 or sum(len(each.value or b"") for each in part) <= most


def test_batches_grow_under_a_backlog_as_long_as_they_are_quick_and_shrink_when_they_are_slow() -> None:
    pace = Pace(Bounds(records=1000, seconds=0.5))
    grown = []
    for _ in range(7):
        grown.append(pace.most)
        pace.took(pace.most, 0.01)
    assert grown == [FIRST, 100, 200, 400, 800, 1000, 1000]
    pace.took(1000, 2.0)
    assert pace.most == 251
    pace.took(251, 0.4)  # as long as it should: neither more nor less
    assert pace.most == 251
    pace.took(1, 10.0)
    assert pace.most == 1
    pace.took(1, 0.01)
    assert pace.most == 2


def test_batches_grow_on_a_far_network_where_a_transaction_takes_long_whatever_is_in_it() -> None:
    pace = Pace(Bounds(records=1000, seconds=0.5))
    for _ in range(10):
        pace.took(pace.most, 0.7 + pace.most * 0.0001)
    assert pace.most == 1000


def test_a_handler_that_is_slow_for_each_record_gets_few() -> None:
    pace = Pace(Bounds(records=1000, seconds=0.5))
    for _ in range(20):
        pace.took(pace.most, 0.005 + pace.most * 0.06)
        assert pace.most * 0.06 < 2.0


def test_a_batch_that_is_not_full_says_nothing_about_larger_ones() -> None:
    pace = Pace(Bounds())
    pace.took(FIRST - 1, 0.01)
    assert pace.most == FIRST
