"""The trivial score, and how a program ends with the bench."""

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any


def score(report: dict[str, Any]) -> dict[str, Any]:
    """Some of the parsed fields go into it, so that nobody can skip the parsing."""
    number = 20 * (report.get("victims") or 0) + 10 * len(report.get("weapons") or ()) + len(report["agency_id"])
    return {"report_id": report["report_id"], "score": number}


def settings() -> dict[str, Any]:
    """The program's only argument."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def end_with_parent(stop: Callable[[], object] | None = None) -> None:
    """Call `stop`, or end at once without one, when standard input closes."""

    def watch() -> None:
        sys.stdin.read()
        if stop is None:
            os._exit(0)
        stop()

    threading.Thread(target=watch, daemon=True).start()
