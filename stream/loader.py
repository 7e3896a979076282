"""Loading a release in a process of its own: verify, unpickle, compile and check there, hand over flat arrays.

`joblib.load` and a first predict hold the interpreter for tens of milliseconds, and importing scikit-learn for a
second; in the scorer's own process every report would wait for that. The child (`stream.child`) does one load, at a low
priority so that the scorer keeps its core; its memory goes when it ends.
"""

import json
import pickle
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from schemas.crime_report import CrimeReport
from severity.assess import Release
from stream.errors import ReleaseRefused
from stream.helper import Helper, HelperFailed

NO_KEYS: Final = "no-trusted-keys"
"""Reason of a refusal: there is no public key to verify with."""


REST_SECONDS: Final = 5.0
"""After a load, until the next process is made ready: seconds of a core that other scorers here need for theirs."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to load. `keys`: file or folder of the trusted public keys; `artefacts`: the only store that is read;
    `location`, `digest`: as announced."""

    location: str
    digest: str
    keys: str
    artefacts: str
    minimum_release: int


@dataclass(frozen=True, slots=True)
class Handover:
    """A verified release, ready to score. `golden`: reports to warm up with; `warnings`: for an operator.

    `expires_at`: when it is old, which is told and stops nothing; None: never.
    """

    release: Release
    created_at: datetime
    golden: tuple[CrimeReport, ...]
    warnings: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The child's answer when the release is not to be used."""

    reason: str
    detail: str


class ChildLoader:
    """Loads releases of the store `artefacts` that a key in `keys` (file or folder of public keys) signed.

    `timeout` in seconds.
    """

    def __init__(self, artefacts: str | Path, keys: Path, timeout: float) -> None:
        self._artefacts = artefacts
        self._keys = keys
        self._helper = Helper("stream.child", timeout)
        self._rest_until = 0.0

    def load(self, location: str, digest: str, minimum_release: int) -> Handover:
        """The release at `location`, whose manifest has `digest`. Raises ReleaseRefused."""
        request = Request(location, digest, str(self._keys), str(self._artefacts), minimum_release)
        try:
            answer = self._helper.ask(json.dumps(asdict(request)).encode())
        except HelperFailed as failure:
            raise ReleaseRefused(failure.reason, failure.detail) from None
        finally:
            self._rest_until = time.monotonic() + REST_SECONDS
        loaded: Handover | Refused = pickle.loads(answer)  # noqa: S301 - written by our own child, which verified it
        if isinstance(loaded, Refused):
            raise ReleaseRefused(loaded.reason, loaded.detail)
        return loaded

    def prepare(self) -> None:
        """Have the process for the next load ready, a while after the last: it imports and compiles for seconds."""
        if time.monotonic() >= self._rest_until:
            self._helper.prepare()

    def stop(self) -> None:
        """End a load that is under way, from any thread; there is no other one after it."""
        self._helper.stop()


def rehearse(timeout: float) -> Handover:
    """A release for practice, see `stream.rehearsal`. Raises HelperFailed."""
    made: Handover = pickle.loads(Helper("stream.rehearsal", timeout).ask(b""))  # noqa: S301 - our own child's
    return made
