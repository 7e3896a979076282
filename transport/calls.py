"""Calls into the client that may never return, made on a thread of their own so that who waits for one can go on.

librdkafka's `send_offsets_to_transaction` ignores its timeout while a group's coordinator is away, and waits for ever
when that has moved (its issues 5456 and 5511, open in 2.16). No thread can be ended from outside, so such a call is
left behind, with the client that it waits for.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from transport.errors import LoopFailed
from transport.retry import CALL_SECONDS

HUNG_SECONDS: Final = 2 * CALL_SECONDS
"""After which a call that was to end within `CALL_SECONDS` is left behind."""


class Calls:
    """One call at a time, on one thread. Costs about 30 µs each (`bench.latency` shows what is left of it)."""

    def __init__(self, seconds: float = HUNG_SECONDS) -> None:
        self._seconds = seconds
        self._hung = False
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._ended: SimpleQueue[Exception | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def __call__(self, call: Callable[[], None]) -> None:
        """Raises what `call` raises; a `LoopFailed` that passes when it does not return, and at once ever after."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
            self._thread.start()
        if not self._hung:
            self._waiting.put(call)
            try:
                error = self._ended.get(timeout=self._seconds)
            except Empty:
                self._hung = True
            else:
                if error is not None:
                    raise error
                return
        raise LoopFailed("hung", f"the client did not answer within {self._seconds:g} s", passing=True)

    def end(self, last: Callable[[], None]) -> None:
        """No more calls. `last` is done now, or when the call that hangs returns, if it ever does."""
        if self._thread is None:
            return last()
        self._waiting.put(last)
        self._waiting.put(None)
        if not self._hung:
            self._thread.join()

    def _run(self) -> None:
        while (call := self._waiting.get()) is not None:
            try:
                call()
            except Exception as error:  # handed on to who waits
                self._ended.put(error)
            else:
                self._ended.put(None)
            del call  # holds its client, which is not to live until the next call
