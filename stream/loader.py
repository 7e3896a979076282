"""Loading a release in a process of its own: verify, unpickle, compile and check there, hand over flat arrays.

`joblib.load` and a first predict hold the interpreter for tens of milliseconds, and importing scikit-learn for a
second; in the scorer's own process every report would wait for that. The child (`stream.child`) is started for one
load, releases being hours apart, at a low priority so that the scorer keeps its core; its memory goes when it ends.
"""

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from schemas.crime_report import CrimeReport
from severity.assess import Release
from stream.errors import ReleaseRefused

LOWER_PRIORITY: Final[int] = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""Windows has priority classes; elsewhere the child makes itself nice."""


class LoadFailure(StrEnum):
    """Why no release came back, beside the reasons of `severity.manifest.Refusal`."""

    CRASHED = "loader-crashed"
    TIMED_OUT = "loader-timed-out"


@dataclass(frozen=True, slots=True)
class Request:
    """What to load. `keys`: file or folder of the trusted public keys; `digest`: as announced."""

    location: str
    digest: str
    keys: str
    minimum_release: int


@dataclass(frozen=True, slots=True)
class Handover:
    """A verified release, ready to score; `golden`: reports to warm up with."""

    release: Release
    created_at: datetime
    golden: tuple[CrimeReport, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The child's answer when the release is not to be used."""

    reason: str
    detail: str


class ChildLoader:
    """Loads releases, one child process each.

    Arguments:
        keys: file or folder of the trusted public keys.
        timeout: seconds until a load is given up.
    """

    def __init__(self, keys: Path, timeout: float) -> None:
        self._keys = keys
        self._timeout = timeout
        self._child: subprocess.Popen[bytes] | None = None

    def load(self, location: str, digest: str, minimum_release: int) -> Handover:
        """The release at `location`, whose manifest has `digest`. Raises ReleaseRefused."""
        request = Request(location, digest, str(self._keys), minimum_release)
        with subprocess.Popen(
            [sys.executable, "-m", "stream.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=LOWER_PRIORITY,
        ) as child:
            self._child = child
            try:
                answer, problems = child.communicate(json.dumps(asdict(request)).encode(), self._timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                raise ReleaseRefused(LoadFailure.TIMED_OUT, f"not loaded within {self._timeout:g} s") from None
            finally:
                self._child = None
        if child.returncode != 0:
            lines = problems.decode(errors="replace").strip().splitlines()
            detail = lines[-1] if lines else "no message"
            raise ReleaseRefused(LoadFailure.CRASHED, f"the loading process ended with {child.returncode}: {detail}")
        loaded: Handover | Refused = pickle.loads(answer)  # noqa: S301 - written by our own child, from bytes that it verified
        if isinstance(loaded, Refused):
            raise ReleaseRefused(loaded.reason, loaded.detail)
        return loaded

    def stop(self) -> None:
        """End a load that is under way, from any thread."""
        child = self._child
        if child is not None:
            child.kill()
