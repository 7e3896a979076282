"""The trivial score, and how a program ends with the bench."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

END_SECONDS = 8.0


def score(report: dict[str, Any]) -> dict[str, Any]:
    """Some of the parsed fields go into it, so that nobody can skip the parsing."""
    number = 20 * (report.get("victims") or 0) + 10 * len(report.get("weapons") or ()) + len(report["agency_id"])
    return {"report_id": report["report_id"], "score": number}


def settings() -> dict[str, Any]:
    """The program's only argument."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def end_with_parent(stop: Callable[[], object]) -> None:
    """Call `stop` when standard input closes, and end by force when that does not do: its broker may be gone too."""

    def watch() -> None:
        sys.stdin.read()
        stop()
        time.sleep(END_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
