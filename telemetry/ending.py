"""How a process of ours ends: when a signal asks it to, in time in any case, and with whoever started it."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

ENDING_SECONDS: Final = 9.0
"""After which a service is cut off that was asked to end: supervisors give ten, and then kill."""

LAST_WORDS_SECONDS: Final = 0.5
"""What the last line of the log gets: nobody may be reading it."""

WITH_PARENT: Final = "--with-parent"
"""Argument of a process that is to end when its standard input closes."""


@contextmanager
def ended_by_signals(stop: threading.Event, last_words: Callable[[], None]) -> Iterator[None]:
    """SIGTERM, Ctrl-C and, on Windows, Ctrl-Break set `stop`, where this is the main thread, which alone gets them.

    What has not left the block `ENDING_SECONDS` later is cut off with exit code 1, after `last_words`, which say what
    is undone: clients of a broker that keeps its connections and does not answer may take half a minute to close. To
    be killed is safe for every service, so this is, too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in wanted}
    left = threading.Event()
    threading.Thread(target=_cut_off, args=(stop, left, last_words), name="ending", daemon=True).start()
    try:
        yield
    finally:
        left.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """End this process as SIGTERM would when its standard input closes, as it does at the end of who started it,
    however that ends. Needs no signal that Windows lacks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the service's own: so far nothing is to be ended
    _when_parent_is_gone(lambda: signal.raise_signal(signal.SIGTERM))


def die_with_parent() -> None:
    """The same at once, with exit code 1: for a process that may be killed at any point."""
    _when_parent_is_gone(lambda: os._exit(1))


def _cut_off(stop: threading.Event, left: threading.Event, last_words: Callable[[], None]) -> None:
    stop.wait()
    if left.wait(ENDING_SECONDS):
        return
    speaker = threading.Thread(target=last_words, daemon=True)
    speaker.start()
    speaker.join(LAST_WORDS_SECONDS)
    os._exit(1)


def _when_parent_is_gone(end: Callable[[], object]) -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        end()

    threading.Thread(target=watch, name="with-parent", daemon=True).start()
