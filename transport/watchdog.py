"""Ends a process whose loop is stuck, after it has shown where and has let others have its partitions.

A call into the client can hang for ever: librdkafka's `send_offsets_to_transaction` ignores its timeout (its issues
5456 and 5511, open in 2.16), while its own thread goes on telling the group that all is well. Nobody else would then
read those partitions. Ending hard is safe: what was not committed comes again.
"""

import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

TICK_SECONDS: Final = 0.25
LEAVE_SECONDS: Final = 2.0
"""How long leaving the group may take before the process ends without."""


class Watchdog:
    """While it is entered: exits the process with code 1 when it was not fed for `seconds`, stacks on standard error.

    It counts its own ticks and not the clock's, so that a process which was stopped (SIGSTOP, a suspended machine) is
    not taken for one that hangs. It runs on a thread: the client's calls let other threads work while they wait.

    Args:
        seconds: longer than any batch or single call may take; whoever waits for a broker feeds it at each try.
        leave: gives the partitions to others; called on another thread than the loop's.
    """

    def __init__(self, seconds: float, leave: Callable[[], None]) -> None:
        self._ticks = max(1, round(seconds / TICK_SECONDS))
        self._left = self._ticks
        self._leave = leave
        self._resting = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def feed(self) -> None:
        """All is well."""
        self._left = self._ticks

    def _watch(self) -> None:
        while not self._resting.wait(TICK_SECONDS):
            self._left -= 1
            if self._left < 0:
                self._end()

    def _end(self) -> None:
        seconds = self._ticks * TICK_SECONDS
        print(f"stuck: no batch ended and nothing was tried for {seconds:g} s; where each thread is:", file=sys.stderr)
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        leaving = threading.Thread(target=self._leave, daemon=True)
        leaving.start()
        leaving.join(LEAVE_SECONDS)
        sys.stderr.flush()
        os._exit(1)

    def __enter__(self) -> Self:
        self.feed()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resting.set()
