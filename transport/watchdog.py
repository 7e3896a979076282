"""Runs a loop on a thread of its own, and another in its stead when it is stuck.

A call into the client can hang, where `transport.calls` does not wait for it, while the client's own thread goes on
telling the group that all is well. Nobody else would then read those partitions, and no thread can be ended from
outside. So the stuck one is left behind: its stacks are shown, its partitions given to others, and a loop with clients
of its own begins on a new thread. It fences what the old one had open, so that publishes nothing any more.
"""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

TICK_SECONDS: Final = 0.25
LEAVE_SECONDS: Final = 2.0
"""How long leaving the group may take before the next loop begins without."""

MOST_LEFT_BEHIND: Final = 3
"""Stuck loops in a row after which the process ends: it is not the client's doing then, or a new process helps."""

WELL_SECONDS: Final = 15.0
"""A loop that was well for so long begins a new row."""


class Runs(Protocol):
    """What is watched; `transport.loop.Loop`."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """End soon. Called from another thread."""

    def leave(self) -> None:
        """Give what is read to others. Called on another thread than the one that hangs."""


class Watchdog:
    """`run` runs what `make` makes, until it ends by itself or `stopped` is set; raises what that raises.

    It counts its own ticks and not the clock's, so that a process which was stopped (SIGSTOP, a suspended machine) is
    not taken for one that hangs: the client's calls let other threads work while they wait. After too many stuck loops
    in a row it exits the process with code 1.

    Args:
        seconds: longer than any batch or single call may take; whoever waits for a broker calls `feed` at each try.
        make: a loop with clients of its own.
        stopped: the loop is to end.
        left_behind: told of each stuck loop.
    """

    def __init__(
        self, seconds: float, make: Callable[[], Runs], stopped: threading.Event, left_behind: Callable[[], None]
    ) -> None:
        self._ticks = max(1, round(seconds / TICK_SECONDS))
        self._left = self._ticks
        self._make = make
        self._stopped = stopped
        self._left_behind = left_behind

    def feed(self) -> None:
        """All is well."""
        self._left = self._ticks

    def run(self) -> None:
        """See the class. Call it on the main thread: signals are answered while it waits."""
        stuck = 0
        while True:
            since = time.monotonic()
            if self._ended(running := _Running(self._make())):
                return
            stuck = 1 if time.monotonic() - since > WELL_SECONDS else stuck + 1
            self._show(stuck)
            running.loop.stop()
            leaving = threading.Thread(target=running.loop.leave, name="leaving", daemon=True)
            leaving.start()
            leaving.join(LEAVE_SECONDS)
            if stuck == MOST_LEFT_BEHIND or self._stopped.is_set():
                sys.stderr.flush()
                os._exit(1)
            self._left_behind()

    def _ended(self, running: "_Running") -> bool:
        """Wait for its end; False when it is stuck."""
        self.feed()
        while not running.ended.wait(TICK_SECONDS):
            if self._stopped.is_set():
                running.loop.stop()
            self._left -= 1
            if self._left < 0:
                return False
        if running.error is not None:
            raise running.error
        return True

    def _show(self, stuck: int) -> None:
        seconds = self._ticks * TICK_SECONDS
        print(
            f"stuck ({stuck} in a row): no batch ended and nothing was tried for {seconds:g} s; where each thread is:",
            file=sys.stderr,
        )
        faulthandler.dump_traceback(sys.stderr, all_threads=True)


class _Running:
    """A loop at work on a thread of its own, which does not keep the process from ending."""

    def __init__(self, loop: Runs) -> None:
        self.loop = loop
        self.ended = threading.Event()
        self.error: BaseException | None = None
        threading.Thread(target=self._run, name="loop", daemon=True).start()

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:  # handed on to who waits
            self.error = error
        finally:
            self.ended.set()
