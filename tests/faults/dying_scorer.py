"""A scorer that kills itself: `python -m tests.faults.dying_scorer POINT TIMES --with-parent`.

It dies the moment that it reaches `POINT` for the `TIMES`-th time, as by kill -9; `never` lets it live. What it runs is
the scorer itself: this program wraps calls that the scorer makes, from the outside. It starts faster than the deployed
one, since it does not practise with a model that it does not get here.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import Producer

import severity.assess
import stream.reading
import stream.worker
import transport.transactions
from stream.service import run
from stream.settings import ScorerSettings
from telemetry.ending import end_with_parent

POINTS: Final = (
    "while validating",
    "while scoring",
    "while producing",
    "before sending offsets",
    "after sending offsets",
    "while committing",
    "after committing",
)
COMMIT_SECONDS: Final = 0.002
"""Into the commit's call: the request is on its way then, or its answer."""


class Dying:
    """Counts how often its point is reached."""

    def __init__(self, point: str, times: int) -> None:
        self._point = point
        self._left = times

    def reached(self, point: str) -> bool:
        self._left -= point == self._point
        return point == self._point and self._left == 0

    def at(self, point: str) -> None:
        if self.reached(point):
            die()

    def wrap(self, point: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, and death before it."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.at(point)
            return call(*arguments, **named)

        return wrapped


def die(after: float = 0.0) -> None:
    """As by kill -9; on Windows SIGTERM is as hard."""
    time.sleep(after)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def arrange(dying: Dying) -> None:
    """Put the points into the scorer's calls."""

    class DyingProducer(Producer):
        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            dying.at("before sending offsets")
            super().send_offsets_to_transaction(*arguments)
            dying.at("after sending offsets")

        def commit_transaction(self, *arguments: Any) -> None:
            if dying.reached("while committing"):
                threading.Thread(target=die, args=(COMMIT_SECONDS,), daemon=True).start()
            super().commit_transaction(*arguments)
            dying.at("after committing")

    # setattr, since the types of what is replaced are of no interest here.
    setattr(stream.reading, "decode", dying.wrap("while validating", stream.reading.decode))  # noqa: B010
    setattr(severity.assess.Assessor, "assess", dying.wrap("while scoring", severity.assess.Assessor.assess))  # noqa: B010
    setattr(transport.transactions, "produce", dying.wrap("while producing", transport.transactions.produce))  # noqa: B010
    setattr(transport.transactions, "Producer", DyingProducer)  # noqa: B010
    setattr(stream.worker, "_practise", lambda *_: None)  # noqa: B010


if __name__ == "__main__":
    if "--with-parent" in sys.argv:
        end_with_parent()
    arrange(Dying(sys.argv[1], int(sys.argv[2])))
    sys.exit(run(ScorerSettings()))
