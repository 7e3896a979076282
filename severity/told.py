"""Reports as the model is told them, written once and fitted to many times.

The facts of a report take longer to collect than most of what is done with them, and a million reports as objects take
7 GB where their tokens take a twentieth. So a training writes them down once, and its several fits share them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity.facts import Gate, Information
from severity.terms import Tokens, TokenWriter


@dataclass(frozen=True, slots=True)
class Told:
    """Tokens, numbers (n, numbers) and days (n,) of n reports under one information set; see `severity.terms`."""

    information: Information
    vocabulary: dict[str, int]
    tokens: Tokens
    numbers: NDArray[np.float64]
    days: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.days)

    def pick(self, rows: NDArray[np.int64]) -> "Told":
        """The reports at the places `rows`, in that order."""
        starts = self.tokens.starts
        lengths = np.diff(starts)[rows]
        ends = np.append(0, np.cumsum(lengths))
        moved = ends[:-1] - starts[rows]
        tokens = Tokens(
            self.tokens.ids[np.arange(ends[-1]) - np.repeat(moved, lengths)],
            ends,
            self.tokens.sides[rows] + moved,
            self.tokens.singles[rows] + moved,
        )
        return Told(self.information, self.vocabulary, tokens, self.numbers[rows], self.days[rows])


def tell(reports: Iterable[CrimeReport], information: Information = "report") -> Told:
    """What a model may see of `reports`, which are gone through once and may be made one at a time."""
    writer = TokenWriter({}, grow=True)
    tokens, numbers, days = writer.write(map(Gate(information).facts, reports))
    return Told(information, writer.vocabulary, tokens, numbers, days)
