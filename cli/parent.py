"""A service that ends with the process that started it, however that one dies: `--with-parent`."""

import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Watch standard input; when it closes, end this process as SIGTERM would. Needs no signal that Windows lacks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the service's own: so far nothing is to be ended
    threading.Thread(target=_watch, name="with-parent", daemon=True).start()


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    signal.raise_signal(signal.SIGTERM)
