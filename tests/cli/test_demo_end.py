"""How a demo ends: not with success while reports are missing, and cleanly even before it has begun."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from cli.demo import command


def follow(
    reports: Mapping[int, int], filed: int, *, outcomes: int = 0, trained: Mapping[str, Any] | None = None
) -> str | None:
    """What the demo says when the city has filed so many revisions and its own reader saw `reports`, all answered.

    outcomes: that came so far; there is no release. trained: what the trainer said of its last training.
    """
    said = {"filed": {"revisions": filed}}
    trainer = SimpleNamespace(said={"trained": trained} if trained else {})
    services: Any = {"trainer": trainer, "cad": SimpleNamespace(said=said)}
    watched: Any = SimpleNamespace(failure=None, lock=threading.Lock())
    tally: Any = SimpleNamespace(reports=reports, lost=0, releases={}, outcomes={"solved": outcomes})
    options = command.Options(5, None, 1, "simulated", None, 1, None)
    return command._follow(options, tally, watched, Checked(services), Console(quiet=True))


class Checked(dict[str, Any]):
    """Services that are well."""

    def check(self) -> None:
        """None has failed."""


def test_reports_that_were_filed_and_never_seen_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DRAIN_WITHIN", 0.1)
    assert follow({1: 0, 2: 0}, filed=2) is None
    assert "10 reports were filed, only 2" in str(follow({1: 0, 2: 0}, filed=10))


def test_a_first_training_that_may_bring_a_release_is_waited_for_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "DRAIN_WITHIN", 0.1)
    monkeypatch.setattr(command, "FIRST_RELEASE_WITHIN", 1.0)

    def seconds(outcomes: int, trained: Mapping[str, Any] | None = None) -> float:
        began = time.monotonic()
        assert follow({1: 0}, filed=1, outcomes=outcomes, trained=trained) is None
        return time.monotonic() - began

    assert seconds(command.FIRST_OUTCOMES) > 1.0
    assert seconds(command.FIRST_OUTCOMES, {"result": "promoted"}) > 1.0  # and is announced any moment
    monkeypatch.setattr(command, "FIRST_RELEASE_WITHIN", 600.0)
    assert seconds(command.FIRST_OUTCOMES - 1) < 600.0
    assert seconds(command.FIRST_OUTCOMES, {"result": "failed"}) < 600.0


def test_a_service_whose_parent_goes_before_it_has_begun_ends_without_error() -> None:
    script = (
        "import time\nfrom telemetry.ending import end_with_parent\nend_with_parent()\nwhile True: time.sleep(0.01)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert done.returncode == 0
