"""What the live scores remember of each report: its first decision and what is known of its outcome, as columns."""

from typing import Final

import numpy as np
import numpy.typing as npt

Identity = tuple[str, str]
"""Agency and report."""

Rows = npt.NDArray[np.void]
"""(n,) of `CASE`."""

CASE: Final = np.dtype(
    [
        ("decided_at", np.float64),  # seconds since 1970, NaN before the decision
        ("release", np.int64),
        ("published", np.int8),  # 0 for none
        ("model", np.int8),  # 0 for none
        ("expected", np.float32, (5,)),  # the model's probabilities, NaN for none
        ("sequence", np.int32),  # of the newest outcome, 0 before any
        ("basis", np.int8),  # place in `BASES`
        ("level", np.int8),  # 0 for none
        ("labelled_at", np.float64),
        ("audited", np.bool_),  # an outcome of the case answers an audit
        ("told", np.int32),  # sequence of the newest outcome that answers none
        ("by_case", np.bool_),  # that one says what the case turned out to be
    ]
)

BASES: Final = ("solved", "classified", "audited", "unfounded", "reopened")


class Cases:
    """At most `capacity` reports; the one that came first is forgotten first. A row takes about 80 bytes."""

    def __init__(self, capacity: int) -> None:
        self._rows: Rows = np.zeros(capacity, dtype=CASE)
        self._places: dict[Identity, int] = {}
        self._next = 0
        self._fresh = np.zeros((), dtype=CASE)
        self._fresh["decided_at"] = np.nan

    def __len__(self) -> int:
        return len(self._places)

    def row(self, identity: Identity) -> np.void:
        """The row of a report, to read and to write; a fresh one when the report is not known."""
        place = self._places.get(identity)
        if place is None:
            if len(self._places) == len(self._rows):
                del self._places[next(iter(self._places))]
            place = self._places[identity] = self._next
            self._next = (self._next + 1) % len(self._rows)
            self._rows[place] = self._fresh
        row: np.void = self._rows[place]
        return row

    def decided(self) -> Rows:
        """A copy of the rows of all reports with a decision, in order of the decision."""
        rows = self._rows[: len(self._places)]
        rows = rows[~np.isnan(rows["decided_at"])]
        in_order: Rows = rows[np.argsort(rows["decided_at"], kind="stable")]
        return in_order
