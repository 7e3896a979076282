"""Calls that may never return."""

import threading
import time

import pytest

from transport.calls import Calls
from transport.errors import LoopFailed


def fails() -> None:
    raise ValueError("as told")


def test_what_a_call_raises_is_raised_and_the_next_one_is_made() -> None:
    calls, made = Calls(), []
    with pytest.raises(ValueError, match="as told"):
        calls(fails)
    calls(lambda: made.append(threading.current_thread()))
    calls.end(lambda: made.append(threading.current_thread()))
    assert made[0] is made[1] is not threading.main_thread()
    assert not made[0].is_alive()


def test_one_that_does_not_return_is_left_and_none_is_made_after_it() -> None:
    calls, made, returns = Calls(seconds=0.05), [], threading.Event()
    for call in (lambda: made.append(returns.wait()), lambda: made.append("another")):
        with pytest.raises(LoopFailed, match="did not answer") as raised:
            calls(call)
        assert raised.value.passing
    calls.end(lambda: made.append("last"))
    assert made == []
    returns.set()
    deadline = time.monotonic() + 10
    while len(made) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made == [True, "last"]


def test_where_none_was_made_the_end_is_at_once() -> None:
    calls, made = Calls(), []
    calls.end(lambda: made.append("last"))
    assert made == ["last"]
