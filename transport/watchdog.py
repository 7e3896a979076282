"""Ends a process whose loop is stuck, with the stacks of all its threads on standard error.

A call into the client can hang for ever (librdkafka's issue 5456: sending offsets ignores its timeout), and no Python
runs then. This one is Python's own watchdog in C, which does not need it. Ending hard is safe: what was not committed
comes again.
"""

import faulthandler
import time
from typing import Final

FED_EVERY: Final = 1.0
"""Seconds between two renewals, each of which costs a thread."""


class Watchdog:
    """Exits with code 1 when it was not fed for `seconds`. There is one a process; `Loop`'s `between_batches` feeds it.

    Args:
        seconds: longer than any batch may take, the patience with a broker that is away included.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fed = float("-inf")

    def feed(self) -> None:
        """All is well."""
        now = time.monotonic()
        if now - self._fed > FED_EVERY:
            self._fed = now
            faulthandler.dump_traceback_later(self._seconds, exit=True)

    def rest(self) -> None:
        """Watch no more."""
        faulthandler.cancel_dump_traceback_later()
