"""How good what was published turned out to be: each report's first decision, joined with its outcome when it comes.

Prequential (Dawid 1984; Gama et al. 2013): every decision was made before its label was known, so nothing is flattered.
A report counts once, by the decision that a responder got first and the newest outcome; a later outcome moves it, one
that withdraws takes it away. A report that was drawn and graded stays on the basis `audited` when its case is solved
later: the graded are a random sample of all reports only as long as none of them leaves it. Confusion counts are kept
by release, basis of the outcome, and view: the level that was `published`, floors included, and the `model`'s own.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from severity.levels import GRAVEST
from trainer.live.cases import BASES, Cases, Identity, Rows
from trainer.training.training_set import AUDITED, WITHDRAWN

View = Literal["published", "model"]
VIEWS: Final[tuple[View, ...]] = ("published", "model")
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
    """What was decided on a report; None where there was no level.

    `expected`: the model's probabilities of levels 1 to 5. `at`: when, in seconds since 1970.
    """

    release: int
    published: int | None
    model: int | None
    expected: tuple[float, ...] | None = None
    at: float = 0.0


class Label(NamedTuple):
    """One outcome; `level` is None where the level table knows none of the offences.

    `audited`: whether it answers an audit. `at`: when the case was closed or graded, in seconds since 1970.
    """

    sequence: int
    basis: str
    level: int | None
    audited: bool = False
    at: float = 0.0


class Joined(NamedTuple):
    """A report that is counted for the first time; `at`: when its outcome came to be, in seconds since 1970."""

    identity: Identity
    cell: Cell
    true: int
    decided: int
    at: float


class LiveScores:
    """Joins decisions and labels that come in any order, in bounded memory.

    Args:
        counted: told of every report, once a view, when it is first counted: for counters, which may only rise.
        capacity: reports that are remembered; the one that came first is forgotten first, what it counted stays.
        releases: how many of the newest releases are kept.
    """

    def __init__(self, counted: Callable[[Joined], None], *, capacity: int = 200_000, releases: int = 5) -> None:
        self._counted = counted
        self._releases = releases
        self._cases = Cases(capacity)
        self._matrices: dict[Cell, Confusion] = {}

    def decided(self, identity: Identity, decision: Decision) -> None:
        """A priority was published. Only the first decision on a report counts."""
        case = self._cases.row(identity)
        if case["decided_at"] == case["decided_at"]:  # is a number: it was decided before
            return
        case["decided_at"], case["release"] = decision.at, decision.release
        case["published"], case["model"] = decision.published or 0, decision.model or 0
        case["expected"] = decision.expected or np.nan
        if case["sequence"]:
            self._join(identity, case)

    def learned(self, identity: Identity, label: Label) -> None:
        """An outcome came; of two the one with the higher sequence counts, of equal ones the first."""
        case = self._cases.row(identity)
        first = not case["sequence"]
        before = [] if first else list(_counts(case))
        if label.sequence > case["sequence"]:
            case["sequence"], case["basis"] = label.sequence, BASES.index(label.basis)
            case["level"], case["labelled_at"] = label.level or 0, label.at
        if label.audited:
            case["audited"] = True
        elif label.sequence > case["told"]:
            case["told"], case["by_case"] = label.sequence, label.basis != "reopened"
        if first:
            self._join(identity, case)
        elif before != (after := list(_counts(case))):
            self._add(before, -1)
            self._add(after, +1)

    def matrices(self) -> Mapping[Cell, Confusion]:
        """Confusion counts as they stand, of the newest releases and of the rules."""
        return {cell: matrix.copy() for cell, matrix in sorted(self._matrices.items()) if matrix.any()}

    def cases(self) -> Rows:
        """All reports that are remembered with their decision, in order of it."""
        return self._cases.decided()

    def _join(self, identity: Identity, case: np.void) -> None:
        counts = list(_counts(case))
        self._add(counts, +1)
        for count in counts:
            self._counted(Joined(identity, *count, float(case["labelled_at"])))

    def _add(self, counts: list[tuple[Cell, int, int]], step: Literal[1, -1]) -> None:
        for cell, true, decided in counts:
            if cell not in self._matrices:
                self._matrices[cell] = np.zeros((GRAVEST, GRAVEST), dtype=np.int64)
                self._forget_old_releases()
            if cell in self._matrices:
                self._matrices[cell][true - 1, decided - 1] += step

    def _forget_old_releases(self) -> None:
        releases = sorted({cell.release for cell in self._matrices} - {RULES})
        for cell in [cell for cell in self._matrices if cell.release in releases[: -self._releases]]:
            del self._matrices[cell]


def _counts(case: Any) -> Iterator[tuple[Cell, int, int]]:
    """Where a report counts: nowhere before it has both, or when its outcome is withdrawn or has no level."""
    level, basis = int(case["level"]), BASES[case["basis"]]
    if not level or basis in WITHDRAWN or np.isnan(case["decided_at"]):
        return
    basis, release = AUDITED if case["audited"] else basis, int(case["release"])
    for view in VIEWS:
        if decided := int(case[view]):
            yield Cell(release, basis, view), level, decided
