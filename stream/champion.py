"""The release that scores now: the follower offers a new one, the loop takes it between two batches."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from stream.work import Assess


@dataclass(frozen=True, slots=True)
class Serving:
    """An assessor in use; `created_at`: when its model was made, None for the rules' fallback; `expires_at`: when it is
    to be replaced."""

    assessor: Assess
    created_at: datetime | None
    expires_at: datetime | None = None


class Champion:
    """One reference, swapped as a whole: who asks gets the old release or the new one, never a mixture.

    It starts with the rules' fallback and counts the seconds for which nothing better was there.

    `clock`: the time now, with an offset. `timer`: seconds on a steady clock, which nobody sets.
    """

    def __init__(self, fallback: Assess, clock: Callable[[], datetime], timer: Callable[[], float]) -> None:
        self._clock = clock
        self._timer = timer
        self._began = timer()
        self._degraded_until: float | None = None
        self._serving = Serving(fallback, None)

    def current(self) -> Assess:
        """The assessor for the next batch."""
        return self._serving.assessor

    def offer(self, assessor: Assess, created_at: datetime, expires_at: datetime | None = None) -> None:
        """Score with `assessor` from the next batch on."""
        self._degraded_until = self._degraded_until or self._timer()
        self._serving = Serving(assessor, created_at, expires_at)

    @property
    def degraded(self) -> bool:
        """Whether the rules answer alone."""
        return self._serving.created_at is None

    def degraded_seconds(self) -> float:
        """Seconds so far without a model."""
        return (self._degraded_until or self._timer()) - self._began

    def model_age_seconds(self) -> float:
        """Seconds since the model in use was made, 0 where clocks differ; NaN without one."""
        created_at = self._serving.created_at
        return float("nan") if created_at is None else max(0.0, (self._clock() - created_at).total_seconds())

    def expires_seconds(self) -> float:
        """Seconds until the model in use is to be replaced, negative when it should have been; NaN when never."""
        expires_at = self._serving.expires_at
        return float("nan") if expires_at is None else (expires_at - self._clock()).total_seconds()
