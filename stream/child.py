"""The process that loads one release: a request on standard input, the answer on standard output (`stream.loader`).

Nothing but this file of the scorer's imports joblib and scikit-learn.
"""

import json
import os
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from severity.artefact.keys import KeyFileError, load_trusted
from severity.artefact.manifest import ArtefactRefused, Refusal
from severity.artefact.reading import load, verify
from severity.artefact.store import location, open_store, require_own
from severity.assess import Release
from stream.loader import NO_KEYS, Handover, Refused, Request
from stream.rehearsal import rehearsal

NICENESS: Final = 10
"""Added to the process's nice value where there is one."""


def answer(requests: BinaryIO, answers: BinaryIO) -> None:
    """Read one Request as JSON, write one pickled Handover or Refused; nothing when there is no request any more."""
    question = requests.read()
    if not question:
        return  # the scorer that had started us ahead has ended
    request = Request(**json.loads(question))
    try:
        outcome = fetch(request, datetime.now(UTC))
    except ArtefactRefused as refusal:
        outcome = Refused(refusal.reason, refusal.detail)
    pickle.dump(outcome, answers, protocol=5)


def fetch(request: Request, now: datetime) -> Handover | Refused:
    """Verify the release and load it from the verified bytes. Raises ArtefactRefused."""
    try:
        keys = load_trusted(Path(request.keys))
    except (KeyFileError, OSError) as error:
        return Refused(NO_KEYS, str(error))
    store = open_store(request.artefacts)
    require_own(store, request.location, request.digest)
    verified = verify(location(store, request.digest), keys, minimum_release=request.minimum_release, now=now)
    if verified.manifest.role != "champion":
        return Refused(Refusal.NOT_CHAMPION, f"release {verified.manifest.release} did not pass its gate")
    loaded = load(verified)
    release = Release(loaded.scorer, loaded.prediction_sets, loaded.ref)
    return Handover(release, loaded.manifest.created_at, loaded.golden, loaded.warnings, loaded.manifest.expires_at)


def practise() -> None:
    """Load what numba has compiled and what scikit-learn imports late, while there is no hurry yet."""
    made = rehearsal()
    made.release.scorer.score(made.golden)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stream:
        sys.stdout = sys.stderr  # whatever a library prints must not end up in the answer
        practise()
        answer(sys.stdin.buffer, stream)
    sys.stderr.flush()
    os._exit(0)  # the answer ends with the process, and taking numba and scikit-learn apart would take half a second
