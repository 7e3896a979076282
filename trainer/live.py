"""How good what was published turned out to be: each report's first decision, joined with its outcome when it comes.

Prequential (Dawid 1984; Gama et al. 2013): every decision was made before its label was known, so nothing is flattered.
A report counts once, by the decision that a responder got first and the newest outcome; a later outcome moves it, one
that withdraws takes it away. A report that was drawn and graded stays on the basis `audited` when its case is solved
later: the graded are a random sample of all reports only as long as none of them leaves it. Confusion counts are kept
by release, basis of the outcome, and view: the level that was `published`, floors included, and the `model`'s own.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from severity.levels import GRAVEST
from trainer.training_set import AUDITED, WITHDRAWN

Identity = tuple[str, str]
"""Agency and report."""

View = Literal["published", "model"]
Confusion = npt.NDArray[np.int64]
"""(5, 5) counts: row the true level - 1, column the decided level - 1."""

RULES: Final = 0
"""Stands for the release where no model took part."""


class Cell(NamedTuple):
    """What a confusion matrix stands for; release 0 is the rules alone."""

    release: int
    basis: str
    view: View


class Decision(NamedTuple):
    """What was decided on a report; None where there was no level."""

    release: int
    published: int | None
    model: int | None


class Label(NamedTuple):
    """What a case turned out to be; `level` is None where the level table knows none of the offences.

    `audited`: whether this or another outcome of the case answers an audit.
    """

    sequence: int
    basis: str
    level: int | None
    audited: bool = False


@dataclass(slots=True)
class _Case:
    decision: Decision | None = None
    label: Label | None = None


class LiveScores:
    """Joins decisions and labels that come in any order, in bounded memory.

    Args:
        counted: told of every report when it is first counted, as cell, true level, decided level: for counters, which
            may only rise.
        capacity: reports that are remembered; the one longest untouched is forgotten first, what it counted stays.
        releases: how many of the newest releases are kept.
    """

    def __init__(
        self, counted: Callable[[Cell, int, int], None], *, capacity: int = 200_000, releases: int = 5
    ) -> None:
        self._counted = counted
        self._capacity = capacity
        self._releases = releases
        self._cases: OrderedDict[Identity, _Case] = OrderedDict()
        self._matrices: dict[Cell, Confusion] = {}

    def decided(self, identity: Identity, decision: Decision) -> None:
        """A priority was published. Only the first decision on a report counts."""
        case = self._case(identity)
        if case.decision is not None:
            return
        case.decision = decision
        if case.label is not None:
            self._join(decision, case.label)

    def learned(self, identity: Identity, label: Label) -> None:
        """An outcome came; of two the one with the higher sequence counts, of equal ones the first."""
        case = self._case(identity)
        before, case.label = case.label, _newest(case.label, label)
        if case.decision is None:
            return
        if before is None:
            self._join(case.decision, case.label)
        elif case.label != before:
            self._add(case.decision, before, -1)
            self._add(case.decision, case.label, +1)

    def matrices(self) -> Mapping[Cell, Confusion]:
        """Confusion counts as they stand, of the newest releases and of the rules."""
        return {cell: matrix.copy() for cell, matrix in sorted(self._matrices.items()) if matrix.any()}

    def _case(self, identity: Identity) -> _Case:
        case = self._cases.setdefault(identity, _Case())
        self._cases.move_to_end(identity)
        if len(self._cases) > self._capacity:
            self._cases.popitem(last=False)
        return case

    def _join(self, decision: Decision, label: Label) -> None:
        self._add(decision, label, +1)
        for cell, true, decided in _counts(decision, label):
            self._counted(cell, true, decided)

    def _add(self, decision: Decision, label: Label, step: Literal[1, -1]) -> None:
        for cell, true, decided in _counts(decision, label):
            if cell not in self._matrices:
                self._matrices[cell] = np.zeros((GRAVEST, GRAVEST), dtype=np.int64)
            self._matrices[cell][true - 1, decided - 1] += step
        self._forget_old_releases()

    def _forget_old_releases(self) -> None:
        releases = sorted({cell.release for cell in self._matrices} - {RULES})
        for cell in [cell for cell in self._matrices if cell.release in releases[: -self._releases]]:
            del self._matrices[cell]


def _newest(known: Label | None, label: Label) -> Label:
    if known is None:
        return label
    newest = known if known.sequence >= label.sequence else label
    return newest._replace(audited=known.audited or label.audited)


def _counts(decision: Decision, label: Label) -> Iterator[tuple[Cell, int, int]]:
    """Where a joined report counts: in no cell when its outcome is withdrawn or has no level."""
    if label.level is None or label.basis in WITHDRAWN:
        return
    basis = AUDITED if label.audited else label.basis
    if decision.published is not None:
        yield Cell(decision.release, basis, "published"), label.level, decision.published
    if decision.model is not None:
        yield Cell(decision.release, basis, "model"), label.level, decision.model
