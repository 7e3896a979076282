"""Fills numba's cache while the image is built, so that a first start need not compile for half a minute.

The machine code is for the building machine's kind of processor; on another kind a first start compiles anew.
"""

import math
import time
from datetime import UTC, datetime
from typing import Final

from stream.loader import rehearse
from stream.settings import ScorerSettings
from stream.tables import Tables
from stream.warm_up import warm_up

LONGEST_SECONDS: Final = 600.0

if __name__ == "__main__":
    made = rehearse(LONGEST_SECONDS)
    assessor = Tables.load(ScorerSettings()).assessor(made.release, on_failure=print)
    warm_up(assessor, made.golden, slowest_ms=math.inf, now=datetime.now(UTC), timer=time.perf_counter)
