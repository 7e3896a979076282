"""How long each stage of a batch takes, told by whoever goes through the stages."""

from collections import defaultdict
from collections.abc import Callable

Lap = Callable[[str], None]
"""Called with a stage's name when that stage ends."""


def untimed(stage: str) -> None:
    """A lap that nobody measures."""


class Laps:
    """A lap that sums up, in `seconds`, how long each stage has taken, since the one before it ended.

    timer: seconds on a steady clock.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._timer = timer
        self._since = timer()

    def __call__(self, stage: str) -> None:
        now = self._timer()
        self.seconds[stage] += now - self._since
        self._since = now
