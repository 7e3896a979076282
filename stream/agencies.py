"""Agencies whose reports turned bad: marked by a share or a run of bad records, and unmarked by themselves.

A record is bad when it became a dead letter. A marked agency's readable reports go to a person unscored: what a broken
CAD release still writes readably may be wrong as well. Everyone else's reports are scored as ever.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MARKED: Final = "agency-marked"
"""Code of the reason that each priority of a marked agency's readable report has."""

WINDOW: Final = 100
"""Records of an agency that are looked back on: minutes of a city's day, a second of its backlog."""

LEAST: Final = 50
"""Records that a share needs: of fewer, a handful of bad ones would be half."""

BETTER: Final = 0.1
"""Share of bad records below which a full window ends the mark: far enough from what sets it that it does not flap."""

MOST: Final = 10_000
"""Agencies that are watched: their ids come from outside, and the United States have some 18,000 in all."""


class Limits(NamedTuple):
    """When an agency is marked: so many bad records `in_a_row`, or this `ratio` of the window."""

    ratio: float
    in_a_row: int


@dataclass(slots=True)
class Window:
    """An agency's last records: which were bad, how many, and how many of the newest without a good one between."""

    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    bad: int = 0
    run: int = 0

    def add(self, bad: bool) -> None:
        """One more record."""
        if len(self.recent) == WINDOW:
            self.bad -= self.recent[0]
        self.recent.append(bad)
        self.bad += bad
        self.run = self.run + 1 if bad else 0

    def is_bad(self, limits: Limits) -> bool:
        """Whether to mark."""
        seen = len(self.recent)
        return self.run >= limits.in_a_row or (seen >= LEAST and self.bad >= limits.ratio * seen)

    def is_good(self) -> bool:
        """Whether to end a mark."""
        return len(self.recent) == WINDOW and self.bad < BETTER * WINDOW


class Agencies:
    """The windows of the `most` agencies that reported last, and which are marked.

    `marked`: replaced as a whole when it changes.
    """

    def __init__(self, limits: Limits, most: int = MOST) -> None:
        self._limits = limits
        self._most = most
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self.marked: frozenset[str] = frozenset()

    def add(self, agency: str, outcomes: Sequence[bool]) -> None:
        """An agency's next records in their order: whether each was bad."""
        window = self._windows.setdefault(agency, Window())
        self._windows.move_to_end(agency)
        if window.bad or agency in self.marked or any(outcomes):
            for bad in outcomes:
                window.add(bad)
                self._judge(agency, window)
        else:  # nothing to judge, and that is nearly always so
            window.recent.extend(outcomes)
        while len(self._windows) > self._most:
            oldest, _ = self._windows.popitem(last=False)
            self.marked -= {oldest}

    def mark(self, agency: str) -> None:
        """Mark what an earlier or another worker had marked."""
        self._windows.setdefault(agency, Window())
        self.marked |= {agency}

    def _judge(self, agency: str, window: Window) -> None:
        if agency not in self.marked:
            if window.is_bad(self._limits):
                self.marked |= {agency}
        elif window.is_good():
            self.marked -= {agency}
