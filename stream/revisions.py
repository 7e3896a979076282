"""What was published last of each report, so that a lower or a repeated revision is dropped and a higher one says what
it replaces.

Only in memory, and only of so many reports: a restart finds it at the end of `priorities` (`stream.recall`). For what
is older, readers ignore a lower revision than the one they have.
"""

from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from schemas.common import ReportStatus
from schemas.priority import DecidedBy


class Decision(NamedTuple):
    """What was published of one revision. A tuple, since one is made for each report."""

    revision: int
    severity: int | None
    priority: str
    decided_by: DecidedBy


class Dropped(StrEnum):
    """Why a revision is not published."""

    REPEATED = "repeated"
    SUPERSEDED = "superseded"


def name_of(key: bytes, status: ReportStatus) -> bytes:
    """What a report is remembered by. A drill has a name of its own: it must not stand in a real report's way."""
    return key if status == "Actual" else b"drill:" + key  # an agency's id has no colon


def why_dropped(revision: int, published: int) -> Dropped | None:
    """Whether `revision` is dropped when `published` is the highest so far; None: it is new."""
    if revision > published:
        return None
    return Dropped.REPEATED if revision == published else Dropped.SUPERSEDED


class Revisions:
    """The newest decision on each of the `most` reports that were decided on last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._last: OrderedDict[bytes, Decision] = OrderedDict()
        self._kept: OrderedDict[bytes, Decision] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def last(self, name: bytes) -> Decision | None:
        """The newest decision on a report, where it is remembered."""
        last = self._last.get(name)
        if self._kept and (kept := self._kept.get(name)) and (last is None or kept.revision > last.revision):
            return kept
        return last

    def remember(self, decisions: Iterable[tuple[bytes, Decision]]) -> None:
        """Keep those that are newer than what is known, in any order; the oldest make room."""
        last = self._last
        for name, decision in decisions:
            known = last.get(name)
            if known is None:
                last[name] = decision
            elif decision.revision > known.revision:
                last[name] = decision
                last.move_to_end(name)
        while len(last) > self._most:
            last.popitem(last=False)

    def keep(self, names: Iterable[bytes]) -> None:
        """These, remembered just now, until `let_go`; the oldest make room."""
        kept = self._kept
        for name in names:
            if last := self._last.get(name):
                kept[name] = last
                kept.move_to_end(name)
        while len(kept) > self._most:
            kept.popitem(last=False)

    def let_go(self) -> None:
        """Keep no more than the last ones."""
        self._kept.clear()

    def forget(self) -> None:
        """All of them."""
        self._last.clear()
        self._kept.clear()
