"""A loop's heartbeat: whether it still comes round."""

import time
from collections.abc import Callable


class Heart:
    """`beat` at each turn of a loop; `silent` says so when it has not come round for `seconds`.

    Before the first beat the loop has not begun, and nothing is said of it. `timer`: seconds on a steady clock.
    """

    def __init__(self, seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._timer = timer
        self._last: float | None = None

    def beat(self) -> None:
        """The loop came round."""
        self._last = self._timer()

    def silent(self) -> str | None:
        """What is wrong, for `/livez`; None while it beats."""
        if self._last is None or (quiet := self._timer() - self._last) <= self._seconds:
            return None
        return f"the loop has not come round for {quiet:.0f} s: start the process anew"
