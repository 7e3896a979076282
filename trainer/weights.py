"""How much each label counts in a fit, by its basis.

Audited reports are a random sample of all reports, the others are whatever happened to be solved or classified. The
exact inverse of an audit's probability (20 at 5 %) would remove that bias and add as much variance: on LAPD's reports,
day by day, with solved and 5 % audited, weight 1 gave macro-F1 .738, 20 gave .737, and a tempered 5 gave .743.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

AUDITED_WEIGHT: Final = 5.0
"""Weight of an audited report in a fit; any other counts 1."""


def weights(basis: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Weight of each label, (n,) → (n,), with mean 1 so that a fit's regularisation means the same at any mixture."""
    raw = np.where(basis == "audited", AUDITED_WEIGHT, 1.0)
    return raw / raw.mean() if len(raw) else raw
