"""How good what was published turned out to be: each report's first decision, joined with its outcome when it comes.

Prequential (Dawid 1984; Gama et al. 2013): every decision was made before its label was known, so nothing is flattered.
A report counts once, by the decision that a responder got first and the newest outcome; a later outcome moves it, one
that withdraws takes it away. Confusion counts are kept by release, basis of the outcome, and view: the level that was
`published`, floors included, and the `model`'s own.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from severity.levels import GRAVEST
from trainer.training_set import WITHDRAWN

Identity = tuple[str, str]
"""Agency and report."""

View = Literal["published", "model"]
Confusion = npt.NDArray[np.int64]
"""(5, 5) counts: row the true level - 1, column the decided level - 1."""


class Cell(NamedTuple):
    """What a confusion matrix stands for; release 0 is the rules alone."""

    release: int
    basis: str
    view: View


class Decision(NamedTuple):
    """What was decided first on a report; None where there was no level."""

    release: int
    published: int | None
    model: int | None


class Label(NamedTuple):
    """What a case turned out to be, by its newest outcome; `level` is None when withdrawn or unknown."""

    sequence: int
    basis: str
    level: int | None


@dataclass(slots=True)
class _Case:
    decision: Decision | None = None
    label: Label | None = None


@dataclass(slots=True)
class LiveScores:
    """Joins decisions and labels in any order, in bounded memory.

    `capacity`: reports that are remembered, the longest untouched is forgotten first (what it counted stays counted).
    `releases`: the newest releases whose matrices are kept. `counted` is told of every first join, for counters that
    may only rise.
    """

    capacity: int = 500_000
    releases: int = 5
    counted: Callable[[Cell, int, int], None] = lambda cell, true, decided: None
    _cases: OrderedDict[Identity, _Case] = field(default_factory=OrderedDict)
    _matrices: dict[Cell, Confusion] = field(default_factory=dict)

    def decided(self, identity: Identity, decision: Decision) -> None:
        """A priority was published. Only the first decision on a report counts."""
        case = self._case(identity)
        if case.decision is not None:
            return
        case.decision = decision
        if case.label is not None:
            self._count(case.decision, case.label, +1)

    def learned(self, identity: Identity, label: Label) -> None:
        """An outcome came; one with a lower or equal sequence than is known is old news."""
        case = self._case(identity)
        if case.label is not None and case.label.sequence >= label.sequence:
            return
        if case.decision is not None:
            if case.label is not None:
                self._count(case.decision, case.label, -1)
            self._count(case.decision, label, +1)
        case.label = label

    def matrices(self) -> Mapping[Cell, Confusion]:
        """Confusion counts as they stand, of the newest releases and of the rules."""
        return {cell: matrix.copy() for cell, matrix in sorted(self._matrices.items()) if matrix.any()}

    def _case(self, identity: Identity) -> _Case:
        case = self._cases.setdefault(identity, _Case())
        self._cases.move_to_end(identity)
        if len(self._cases) > self.capacity:
            self._cases.popitem(last=False)
        return case

    def _count(self, decision: Decision, label: Label, step: Literal[1, -1]) -> None:
        if label.level is None or label.basis in WITHDRAWN:
            return
        for view, level in _views(decision):
            cell = Cell(decision.release, label.basis, view)
            if cell not in self._matrices:
                self._matrices[cell] = np.zeros((GRAVEST, GRAVEST), dtype=np.int64)
                self._forget_old_releases()
            if (matrix := self._matrices.get(cell)) is not None:
                matrix[label.level - 1, level - 1] += step
            if step > 0:
                self.counted(cell, label.level, level)

    def _forget_old_releases(self) -> None:
        kept = sorted({cell.release for cell in self._matrices if cell.release > 0})[-self.releases :]
        self._matrices = {cell: m for cell, m in self._matrices.items() if cell.release in (0, *kept)}


def _views(decision: Decision) -> Iterator[tuple[View, int]]:
    if decision.published is not None:
        yield "published", decision.published
    if decision.model is not None:
        yield "model", decision.model
