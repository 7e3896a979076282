"""How much each label counts, so that labels which are no fair sample of all reports come to stand for them.

A report's label is known for one of two reasons. Its case's own course told it (solved, classified): those reports are
a stratum of their own, of which every label is known. Or it was drawn for an audit, by chance, whatever became of its
case: the audited ones among all other reports are a random sample of these. So the chance with which a label came to
be known is 1 in the first stratum and the audit's probability in the second, and its inverse, divided by the sum of the
inverses, makes any mean over the labels an estimate of the same mean over all reports: Horvitz and Thompson (1952,
JASA 47:663), in the ratio form of Hajek (1971, in Godambe and Sprott, Foundations of Statistical Inference, p. 236).
An audited report whose case was solved as well belongs to the first stratum: as one of the second it would make the
solved count twice. `judging` gives these weights, for figures.

For a fit the same weights, 20 at an audit of 5 %, take the bias away and add as much variance. `fitting` tempers them,
the inverse raised to `TEMPER`, and trims what is still above `TRIM`: Potter (1990, Proc. ASA Survey Research Methods,
p. 225) and Elliott (2009, J Off Stat 25:1) trade a little bias for much less variance so. Recency weights, halved with
every half-life of a label's age, multiply them: old reports come from a city that is no longer there.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TEMPER: Final = 0.54
"""Power of the inverse chance in a fit; 1 would be exact, 0 no weight. At an audit of 5 % a label counts 5."""

TRIM: Final = 10.0
"""Most that a label of the rarest draw counts in a fit against one of the first stratum: audits below 1.4 %."""


def chances(audit_probability: Floats, by_case: Flags) -> Floats:
    """Chance, (n,) above 0 to 1, with which each label came to be known.

    audit_probability: with which a report was drawn, NaN for those that were not. by_case: whether the case's own
    course told the label too. `ValueError` for a label that neither told, or a probability outside ]0, 1].
    """
    chance = np.where(by_case, 1.0, audit_probability)
    if not ((chance > 0) & (chance <= 1)).all():
        raise ValueError("a label is known by its case or by an audit of a probability above 0, up to 1")
    return chance


def judging(chance: Floats) -> Floats:
    """Weights (n,) of mean 1 under which a figure over the labels stands for all reports: the Hajek estimator's."""
    return _mean_one(1.0 / chance)


def fitting(chance: Floats, age: Floats | None = None, half_life: float | None = None) -> Floats:
    """Weights (n,) of a fit, of mean 1 so that its regularisation means the same at any mixture of labels.

    age: days since each report was filed, (n,). half_life: days in which a label's weight halves; None: never.
    """
    raw = np.minimum(chance**-TEMPER, TRIM)
    if age is not None and half_life is not None:
        raw = raw * 0.5 ** (np.maximum(age, 0.0) / half_life)
    return _mean_one(raw)


def _mean_one(raw: Floats) -> Floats:
    return raw / raw.mean() if len(raw) else raw
