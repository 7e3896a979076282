"""Following the champion: a thread that reads `model-versions` and offers each new release to the loop.

Whatever is wrong with a release, the old one goes on scoring; the refusal is counted, and answered on `model-status`
with its reason.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, Protocol

from schemas.envelope import ContractError, decode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from severity.artefact.manifest import Refusal as ArtefactRefusal
from stream.acknowledged import Acknowledged
from stream.errors import ReleaseRefused
from stream.fallbacks import candidates
from stream.helper import HelperFailure
from stream.high_water import HighWater, Mark
from stream.loader import NO_KEYS, Handover
from transport.records import Record

READ_SECONDS: Final = 0.2
"""How long a read waits: the time that a stop may take."""

logger = logging.getLogger(__name__)


class Refusal(StrEnum):
    """Why an announcement is not followed, beside the reasons of the artefact and of the loader."""

    UNREADABLE = "unreadable-announcement"
    OLD_RELEASE = ArtefactRefusal.OLD_RELEASE
    REUSED_RELEASE = "reused-release"
    OTHER_RELEASE = "other-release"


LONGEST_WAIT: Final = 10.0
"""Seconds between two attempts to read on while something is away."""

LONGEST_RETRY: Final = timedelta(hours=1)
"""A release that fails again and again, such as one that crashes its loader, is tried no more often than this."""

TRANSIENT: Final = frozenset({ArtefactRefusal.UNREACHABLE, NO_KEYS, *HelperFailure})
"""Reasons that may be gone a little later: such a release is tried again."""


class Announcements(Protocol):
    """What the follower needs of `transport.reader.Reader`."""

    def read(self, most: int, seconds: float) -> Sequence[Record]:
        """At most `most` records, waiting up to `seconds` for the first."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there has been read."""


@dataclass(frozen=True, slots=True)
class Way:
    """What the follower does with a release.

    load: (location, digest, least release) → a verified release; raises ReleaseRefused.
    prepare: called while there is nothing to load, several times a second.
    offer: warm it up and hand it to the loop; raises ReleaseRefused.
    answer: tell the trainer on `model-status`.
    count: count "loaded" or the reason of a refusal.
    """

    load: Callable[[str, str, int], Handover]
    prepare: Callable[[], None]
    offer: Callable[[Handover], None]
    answer: Callable[[ModelStatus], None]
    count: Callable[[str], None]


class Follower:
    """Reads announcements of the champion of `name` until it is stopped.

    Arguments:
        announcements: `model-versions` from its beginning.
        way: what is done with a release.
        high_water: releases below it are refused; it rises with each release that is loaded.
        acknowledged: the highest release that others have loaded, asked once, before the first release is considered.
        instance: this scorer's name on `model-status`.
        clock: the time now, with an offset.
        retry_seconds: until a release that failed for a passing reason is tried again; doubled each time.
    """

    def __init__(
        self,
        announcements: Announcements,
        way: Way,
        high_water: HighWater,
        acknowledged: Acknowledged,
        *,
        name: str,
        instance: str,
        clock: Callable[[], datetime],
        retry_seconds: float,
    ) -> None:
        self._announcements = announcements
        self._way = way
        self._high_water = high_water
        self._name = name
        self._instance = instance
        self._clock = clock
        self._retry_seconds = retry_seconds
        self._acknowledged: Acknowledged | None = acknowledged
        self._serving = Mark()
        self._expires_at: datetime | None = None
        self._former: dict[int, ModelVersion] = {}
        self._pending: ModelVersion | None = None
        self._failures = 0
        self._not_before: datetime | None = None
        self._stopped = threading.Event()
        self.looked = threading.Event()
        """Set when everything announced before the start has been dealt with."""

    def run(self) -> None:
        """The thread's work: nothing ends it but `stop`."""
        wait = READ_SECONDS
        while not self._stopped.is_set():
            try:
                self.step()
                wait = READ_SECONDS
            except Exception:  # a broker that is away or a full disk must not end the following
                logger.exception("following the champion failed; trying again in %g s", wait)
                self._stopped.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    def stop(self) -> None:
        """End soon, from any thread."""
        self._stopped.set()

    def step(self) -> None:
        """Read once; with everything read, deal with the newest announcement only."""
        records = self._announcements.read(100, READ_SECONDS)
        newest = self._newest(records)
        if newest is not None:
            self._pending, self._not_before, self._failures = newest, None, 0
        if not self._announcements.caught_up:
            return
        self._tell_expired()
        if self._acknowledged:
            self._high_water.learn(self._acknowledged())
            self._acknowledged = None
        if self._pending and (self._not_before is None or self._clock() >= self._not_before):
            version, self._pending = self._pending, None
            try:
                self._consider(version)
            except Exception:  # whatever it was: the release is not forgotten, and the error goes on
                self._try_again(version)
                raise
        else:
            self._way.prepare()
        self.looked.set()

    def _newest(self, records: Iterable[Record]) -> ModelVersion | None:
        newest = None
        champion, each = f"{self._name}/champion".encode(), f"{self._name}/release/".encode()
        for record in records:
            key = record.key or b""
            if record.value is None or not (key == champion or key.startswith(each)):
                continue
            try:
                version = decode(ModelVersion, key, record.value, record.headers)
            except ContractError as error:
                self._way.count(Refusal.UNREADABLE)
                logger.warning("announcement at offset %d refused: %s", record.offset, error)
                continue
            if key == champion:
                newest = version
            else:
                self._former[version.release] = version
        return newest

    def _consider(self, version: ModelVersion) -> None:
        announced = Mark(version.release, version.digest, version.location)
        if announced == self._serving:
            return
        try:
            self._check(announced)
            self._use(announced)
        except ReleaseRefused as refusal:
            logger.warning("release %d refused: %s", version.release, refusal)
            if refusal.reason in TRANSIENT:
                self._try_again(version)
            self._tell(version, "refused", refusal.reason, refusal.detail)
            if self._serving == Mark():
                self._resume(version)
        else:
            logger.info("release %d scores from now on", version.release)
            self._tell(version, "loaded")

    def _try_again(self, version: ModelVersion) -> None:
        self._pending = version
        wait = timedelta(seconds=self._retry_seconds) * 2 ** min(self._failures, 20)
        self._failures += 1
        self._not_before = self._clock() + min(wait, max(LONGEST_RETRY, timedelta(seconds=self._retry_seconds)))

    def _check(self, announced: Mark) -> None:
        mark = self._high_water.mark
        if announced.release < mark.release:
            raise ReleaseRefused(Refusal.OLD_RELEASE, f"release {mark.release} has been used; releases only rise")
        if announced.release == mark.release and mark.digest and announced.digest != mark.digest:
            raise ReleaseRefused(Refusal.REUSED_RELEASE, f"release {mark.release} was another artefact before")

    def _use(self, announced: Mark) -> None:
        handover = self._way.load(announced.location, announced.digest, announced.release)
        model = handover.release.ref
        if (model.name, model.release) != (self._name, announced.release):
            raise ReleaseRefused(
                Refusal.OTHER_RELEASE,
                f"the artefact says {model.name} {model.release}, the announcement {self._name} {announced.release}",
            )
        for warning in handover.warnings:
            logger.warning("release %d: %s", announced.release, warning)
        self._way.offer(handover)
        self._serving, self._expires_at = announced, handover.expires_at
        try:
            self._high_water.rise(announced)
        except OSError:
            logger.exception("the highest release could not be kept: after a restart an older one might be taken")

    def _resume(self, refused: ModelVersion) -> None:
        """After a start with the newest release refused: one that was used before is better than the rules alone."""
        for mark in candidates(refused, self._former, self._high_water.mark):
            try:
                self._use(mark)
            except ReleaseRefused as refusal:
                logger.warning("release %d, used before, refused: %s", mark.release, refusal)
            else:
                logger.warning("release %d scores in the place of %d", mark.release, refused.release)
                return

    def _tell_expired(self) -> None:
        """Say once that the release in use is too old; it scores on."""
        if self._expires_at is not None and self._clock() > self._expires_at:
            logger.warning(
                "release %d expired on %s and scores on: train a new one", self._serving.release, self._expires_at
            )
            self._expires_at = None

    def _tell(
        self, version: ModelVersion, result: Literal["loaded", "refused"], reason: str | None = None, detail: str = ""
    ) -> None:
        self._way.count(reason or result)
        self._way.answer(
            ModelStatus(
                instance=self._instance,
                name=version.name,
                release=version.release,
                digest=version.digest,
                result=result,
                reason=reason,
                detail=detail[:2000] or None,
                at=self._clock(),
            )
        )
