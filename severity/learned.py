"""What a fitted model has learned, as flat arrays, and which columns its forest sees."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from severity import encoders, history
from severity.encoders import LevelShares
from severity.facts import NUMBERS
from severity.history import Snapshot
from severity.terms import TermIndex

LINEAR_SHARE: Final = 0.4  # of the raw score; the forest has the rest. Chosen by cross-validation over time
ENCODED: Final = len(NUMBERS)  # where the encoded terms' columns start, after the report's own numbers
HISTORY: Final = ENCODED + encoders.COLUMNS
COLUMNS: Final = HISTORY + history.COLUMNS


class Learned(NamedTuple):
    """All that was learned but the forest, as the compiled functions take it."""

    term_index: TermIndex
    shares: LevelShares
    snapshot: Snapshot
    typical: float  # terms of a report, see `pairs.term_scale`
    weights: NDArray[np.float64]  # (terms, 5) of the regression
    intercept: NDArray[np.float64]  # (5,)
