"""Retriable errors: call again, for a while."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from transport.errors import LoopFailed
from transport.observer import Observer

CALL_SECONDS: Final = 1.0
"""Longest wait inside one call of the client, so that signal handlers get their turn."""

PATIENCE_SECONDS: Final = 30.0
"""How long a broker that is away is asked again before it is given up."""

AWAY: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
"""What a question to a broker that is slow or away ends in. The client does not call it retriable, but it is."""

MOVING: Final = frozenset(
    {KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}
)
"""What is said of a group's coordinator that has just started, or is another broker by now: passes, too."""

T = TypeVar("T")


def error_of(exception: KafkaException) -> KafkaError:
    """The client's error with its code and its branch: retriable, abortable, fatal."""
    error: KafkaError = exception.args[0]
    return error


def persist(
    call: Callable[[], T],
    what: str,
    observer: Observer | None = None,
    seconds: float = PATIENCE_SECONDS,
    also: frozenset[int] = frozenset(),
) -> T:
    """`call` until it succeeds, for so many seconds; the observer hears of each vain try.

    Raises its `KafkaException` when that is neither retriable nor one of the codes `also`, else at last, or once the
    worker is to end, a `LoopFailed` that passes.
    """
    began = time.monotonic()
    while True:
        try:
            return call()
        except KafkaException as exception:
            error = error_of(exception)
            if not (error.retriable() or error.code() in also):
                raise
            if (tried := time.monotonic() - began) > seconds:
                detail = f"{what} for {tried:.1f} s: {error.str()}"
                raise LoopFailed("timed-out", detail, passing=True) from exception
            if observer:
                if observer.stopping():
                    raise LoopFailed("stopped", f"{what}: {error.str()}", passing=True) from exception
                observer.waiting(f"{what}: {error.str()}")
            time.sleep(0.01)
