"""What was known about a place, a kind of place and a type of incident at one moment: counts and mix of levels.

A snapshot is taken at a cut, of outcomes known before it, over the last 28, 56 and 364 days, and is part of the model:
a scorer keeps no state, and a replay scores alike. In training each row sees the snapshot of its own day, so that its
label and all later ones stay out. A window longer than the data is simply shorter.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from severity import terms as t
from severity.encoders import LEVELS
from severity.forest_kernel import kernel
from severity.terms import Tokens

WINDOWS: Final = (28, 56, 364)  # days
ENTITIES: Final = np.array(
    [t.DISTRICT, t.PLACE, t.TYPE]
)  # kinds of tokens with a history; a report's first token of the kind
COLUMNS: Final = 2 * len(WINDOWS) * len(ENTITIES)
STRENGTH: Final = 10.0  # reports of the mean level mixed into an entity's mean level


class Snapshot(NamedTuple):
    """Outcomes known before `cut`, by token."""

    counts: NDArray[np.float64]  # (windows, tokens, 5) outcomes of each level
    days: NDArray[np.float64]  # (windows,) days that each window spans in the data, at least 1
    prior: NDArray[np.float64]  # (5,) share of each level of all outcomes in the data


def take_snapshot(
    ids: NDArray[np.int64], known: NDArray[np.int64], levels: NDArray[np.int64], cut: int, tokens: int
) -> Snapshot:
    """The snapshot before day `cut`. ids: `entities`; known: (n,) day at which each outcome was known; levels: 0 to 4;
    tokens: how many there are."""
    counts = np.zeros((len(WINDOWS), tokens, LEVELS))
    for window, length in enumerate(WINDOWS):
        _shift(counts[window], ids, levels, np.flatnonzero((known < cut) & (known >= cut - length)), 1.0)
    entered = np.bincount(levels[known < cut], minlength=LEVELS).astype(np.float64)
    return Snapshot(counts, _spans(known, cut), _prior(entered))


def training_columns(
    ids: NDArray[np.int64],
    days: NDArray[np.int64],
    known: NDArray[np.int64],
    levels: NDArray[np.int64],
    tokens: int,
    first: int = 0,
) -> NDArray[np.float64]:
    """Columns (n - first, COLUMNS) of the training rows from `first` on, each under the snapshot of its own day."""
    out = np.empty((len(ids) - first, COLUMNS))
    by_day, by_known = np.argsort(days, kind="stable"), np.argsort(known, kind="stable")
    counts = np.zeros((len(WINDOWS), tokens, LEVELS))
    entered = np.zeros(LEVELS)
    added, removed = 0, np.zeros(len(WINDOWS), dtype=np.int64)
    boundaries = np.flatnonzero(np.diff(days[by_day], prepend=days[by_day][:1] - 1))
    for rows in np.split(by_day, boundaries[1:]):
        day = int(days[rows[0]])
        until = int(np.searchsorted(known[by_known], day))
        gone = np.searchsorted(known[by_known], day - np.array(WINDOWS))
        for window in range(len(WINDOWS)):
            _shift(counts[window], ids, levels, by_known[added:until], 1.0)
            _shift(counts[window], ids, levels, by_known[removed[window] : gone[window]], -1.0)
        entered += np.bincount(levels[by_known[added:until]], minlength=LEVELS)
        added, removed = until, gone
        snapshot = Snapshot(counts, _spans(known, day), _prior(entered))
        write_columns(snapshot, ids[first:], rows[rows >= first] - first, out)
    return out


def _spans(known: NDArray[np.int64], cut: int) -> NDArray[np.float64]:
    return np.minimum(np.array(WINDOWS, dtype=np.float64), max(1, cut - int(known.min())))


def _prior(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((counts + 1.0) / (counts.sum() + LEVELS))


@kernel
def entities(tokens: Tokens, kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The token of each of ENTITIES for n reports (n, 3), -1 where there is none. kinds: of all tokens."""
    found = np.full((tokens.sides.shape[0], ENTITIES.shape[0]), -1, dtype=np.int64)
    for row in range(found.shape[0]):
        for at in range(tokens.starts[row], tokens.starts[row + 1]):
            for entity in range(ENTITIES.shape[0]):
                token = tokens.ids[at]
                if token >= 0 and kinds[token] == ENTITIES[entity] and found[row, entity] < 0:
                    found[row, entity] = token
    return found


@kernel
def _shift(
    counts: NDArray[np.float64],
    ids: NDArray[np.int64],
    levels: NDArray[np.int64],
    rows: NDArray[np.int64],
    amount: float,
) -> None:
    for i in range(rows.shape[0]):
        for entity in range(ids.shape[1]):
            if ids[rows[i], entity] >= 0:
                counts[ids[rows[i], entity], levels[rows[i]]] += amount


@kernel
def write_columns(
    snapshot: Snapshot, ids: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Write the columns of the reports `rows` to `out` (n, COLUMNS); ids: `entities` (n, 3) of all n reports.

    For each entity and window: the logarithm of its outcomes in 28 days (and 1), and their mean level.
    """
    mean = 0.0
    for level in range(LEVELS):
        mean += snapshot.prior[level] * (level + 1)
    for i in range(rows.shape[0]):
        column = 0
        for entity in range(ids.shape[1]):
            token = ids[rows[i], entity]
            for window in range(snapshot.days.shape[0]):
                count, total = 0.0, 0.0
                if token >= 0:
                    for level in range(LEVELS):
                        count += snapshot.counts[window, token, level]
                        total += snapshot.counts[window, token, level] * (level + 1)
                out[rows[i], column] = np.log1p(count * 28.0 / snapshot.days[window])
                out[rows[i], column + 1] = (total + STRENGTH * mean) / (count + STRENGTH)
                column += 2
