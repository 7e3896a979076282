"""Tells how far a training is, and keeps the time that each of its stages took."""

import time
from collections.abc import Callable

Tell = Callable[[str, float], None]
"""Told the stage that begins and the share of the whole that is done before it."""


class Stages:
    """The stages of one training, one after another."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._share = 0.0
        self._began = time.perf_counter()

    def begin(self, stage: str, done: float) -> None:
        """The stage before it ends; the share `done` of the whole lies behind."""
        self.end()
        self._stage, self._share = stage, done
        self._tell(stage, done)

    def within(self, until: float) -> Tell:
        """Tells of the steps inside the present stage, which reaches up to the share `until`."""
        stage, share = self._stage, self._share
        return lambda step, done: self._tell(f"{stage}: {step}", share + done * (until - share))

    def end(self) -> dict[str, float]:
        """Seconds by stage so far."""
        now = time.perf_counter()
        if self._stage is not None:
            self._seconds[self._stage] = round(now - self._began, 3)
        self._began = now
        return self._seconds
