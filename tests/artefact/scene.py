"""A scorer's way from an announcement to a release in use: its own follower and its own loader, without the processes.

The loader is the child's `fetch`; `test_tampered_running.py` shows the same with real processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from schemas import topics
from schemas.envelope import encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from severity.artefact.manifest import ArtefactRefused
from stream.child import fetch
from stream.errors import ReleaseRefused
from stream.follower import Follower, Way
from stream.high_water import HighWater, Mark
from stream.loader import Handover, Refused, Request
from tests.artefact.releases import NOW, Maker
from transport.records import Record


@dataclass
class Scene:
    """A scorer that reads the store `base`; it trusts the maker's key.

    `loaded`: a release that it has already, so that each test need not load one first.
    """

    case: Maker
    base: Path
    loaded: Handover | None = None
    time: datetime = NOW
    waiting: list[Record] = field(default_factory=list)
    offered: list[Handover] = field(default_factory=list)
    answers: list[ModelStatus] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    caught_up: bool = True

    def __post_init__(self) -> None:
        self.follower = Follower(
            self,
            Way(self._load, lambda: None, self.offered.append, self.answers.append, self.counted.append),
            HighWater("severity", None),
            Mark,
            name="severity",
            instance="scorer-0",
            clock=lambda: self.time,
            retry_seconds=30.0,
        )

    def read(self, most: int, seconds: float) -> Sequence[Record]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def announce(self, version: ModelVersion) -> ModelStatus:
        """Let the scorer hear of it as champion; its answer."""
        version = version.model_copy(update={"role": "champion"})
        key, value, headers = encode(version, source="trainer", time=NOW)
        self.waiting.append(Record(topics.MODEL_VERSIONS, 0, 0, key, value, tuple(headers), 0))
        before = len(self.answers)
        self.follower.step()
        (answer,) = self.answers[before:]
        return answer

    def refuses(self, version: ModelVersion) -> str:
        """The reason; fails unless it was refused, counted, answered, and the scorer scores on with what it had."""
        before, serving = len(self.counted), list(self.offered)
        answer = self.announce(version)
        assert (answer.result, answer.release, answer.digest) == ("refused", version.release, version.digest)
        assert answer.reason
        assert answer.detail
        assert self.counted[before:] == [answer.reason]
        assert [*map(id, self.offered)] == [*map(id, serving)]
        self.scores()
        return answer.reason

    def scores(self) -> None:
        """The release in use gives the scores that it gave."""
        raw = self.offered[-1].release.scorer.score(self.case.golden).raw
        assert np.array_equal(raw, self.case.model.raw_scores(self.case.golden))

    def _load(self, location: str, digest: str, minimum_release: int) -> Handover:
        if self.loaded and digest == self.loaded.release.ref.digest:
            return self.loaded
        request = Request(location, digest, str(self.case.trusted_file), str(self.base), minimum_release)
        try:
            outcome = fetch(request, self.time)
        except ArtefactRefused as refused:
            raise ReleaseRefused(refused.reason, refused.detail) from refused
        if isinstance(outcome, Refused):
            raise ReleaseRefused(outcome.reason, outcome.detail)
        return outcome
