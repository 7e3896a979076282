"""What a worker knows of what has been published: the newest decision on each report, and which agencies turned bad.

It changes only when a batch is committed, or by what others published (`stream.recall`): a batch that was aborted left
nothing here, so its records are not taken for repeats of themselves when they come again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.agencies import Agencies
from stream.revisions import Decision, Revisions
from transport.records import Partition


@dataclass(slots=True)
class Lesson:
    """What a batch teaches once it is committed.

    decisions: what is published, by the report's name (`stream.revisions.name_of`).
    outcomes: by agency, whether each of its records became a dead letter; those of nobody knows whom are left out.
    """

    decisions: dict[bytes, Decision] = field(default_factory=dict)
    outcomes: defaultdict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))


class Found(NamedTuple):
    """What a published priority tells.

    name, decision: None where the revision is unknown.
    bad: its record became a dead letter. marked: its agency was marked.
    source, offset: the record that it answers. published_ms: when, by Kafka's clock.
    """

    published_ms: int
    source: Partition
    offset: int
    name: bytes | None
    decision: Decision | None
    agency: str
    bad: bool
    marked: bool


class Answered(NamedTuple):
    """Offsets in a partition that this worker answered: all before `offset`, and [start, end) beyond a backlog."""

    offset: int = 0
    start: int = 0
    end: int = 0


class Turned(NamedTuple):
    """Agencies that were marked and unmarked."""

    bad: frozenset[str]
    good: frozenset[str]


class Ledger:
    """Read by the processor, written by whoever sees the commits."""

    def __init__(self, revisions: Revisions, agencies: Agencies) -> None:
        self.last = revisions.last
        """By a report's name: the newest decision on it, or None where none is remembered."""
        self._revisions = revisions
        self._agencies = agencies
        self._answered: dict[Partition, Answered] = {}
        self._newest_ms = self._counted_ms = -1
        self._backlogs: dict[Partition, int] = {}

    @property
    def marked(self) -> frozenset[str]:
        """Agencies whose reports are not to be scored now."""
        return self._agencies.marked

    def learn(self, lesson: Lesson, offsets: Mapping[Partition, int]) -> Turned:
        """A batch has been committed; `offsets`: where reading goes on after it."""
        before = self.marked
        self._revisions.remember(lesson.decisions.items())
        for place, offset in offsets.items():
            answered, end = self._answered.get(place, Answered()), self._backlogs.get(place)
            if end is None:
                self._answered[place] = Answered(offset)
            elif offset <= end:
                self._answered[place] = answered._replace(offset=offset)
            else:
                self._answered[place] = answered._replace(start=end, end=offset)
                self._revisions.keep(lesson.decisions)
        for agency, outcomes in lesson.outcomes.items():
            self._agencies.add(agency, outcomes)
        return _turned(before, self.marked)

    def backlog(self, partition: Partition, end: int) -> None:
        """So far it goes, and what comes after it is read in turn with it."""
        self._backlogs[partition] = end

    def worked_off(self, partitions: Iterable[Partition]) -> None:
        """These have no backlog, or are another worker's."""
        for partition in partitions:
            self._backlogs.pop(partition, None)
        if not self._backlogs:
            self._revisions.let_go()

    def forget(self) -> None:
        """Every decision: what is published is to be recalled. The agencies' records have been counted all the same."""
        self._revisions.forget()
        self._counted_ms = self._newest_ms

    def recall(self, found: Iterable[Found]) -> Turned:
        """Take in what was published, in any order, each once.

        An agency's record that this worker answered is not counted again, nor is one from before all was forgotten.
        """
        before = self.marked
        for one in in_order(found):
            if one.name and one.decision:
                self._revisions.remember([(one.name, one.decision)])
            self._newest_ms = max(self._newest_ms, one.published_ms)
            answered = self._answered.get(one.source, Answered())
            own = one.offset < answered.offset or answered.start <= one.offset < answered.end
            if not own and one.published_ms > self._counted_ms:
                if one.marked:
                    self._agencies.mark(one.agency)
                self._agencies.add(one.agency, [one.bad])
        return _turned(before, self.marked)


def in_order(found: Iterable[Found]) -> list[Found]:
    """As they were published."""
    return sorted(found, key=_when)


def _when(found: Found) -> tuple[int, Partition, int]:
    return found.published_ms, found.source, found.offset


def _turned(before: frozenset[str], after: frozenset[str]) -> Turned:
    return Turned(after - before, before - after)
