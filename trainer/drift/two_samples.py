"""Whether what comes now is distributed as what came before: each test knows its own noise.

All three compare counts of the newest days with counts of the reference's. Reports of a day are alike (one gang, one
storm), so counts vary more than independent ones would; by how much is measured on the reference's own days, and every
test is widened by it, as Rao and Scott (1981, JASA 76:221) do for clustered samples.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, poisson

Counts = npt.NDArray[np.float64]

PSI_LEAST: Final = 0.05
"""A population stability index below this is too small a change to matter, however sure one is of it. Seasons stay
below: see `bench.drift`."""

MISSING_LEAST: Final = 0.05
"""The same for a change of the share of reports that do not say."""

NEW_LEAST: Final = 0.005
"""The same for the share of values that were never seen."""

EXPECTED_LEAST: Final = 10.0
"""Count below which a value is thrown together with the other rare ones: the chi-square law needs some of each."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A statistic and the bound that it passes by chance no more often than asked."""

    value: float
    bound: float

    @property
    def drifted(self) -> bool:
        """Whether the change is more than chance, and matters."""
        return self.value > self.bound


def psi(reference: Counts, current: Counts, chance: float) -> Tested | None:
    """Population stability index of values; None where there are too few to tell.

    Without a change it is (1/N + 1/M) times a chi-square of one degree less than there are values (Yurdakul 2018,
    Statistical properties of population stability index, Western Michigan University, section 3), N and M the numbers
    in both samples; folklore's bounds of .1 and .25 know nothing of N and M. reference: (days, values). current:
    (values,). chance: of passing the bound although nothing changed.
    """
    before, now = _common(reference.sum(axis=0), current)
    if len(before) < 2:
        return None
    n, m = before.sum(), now.sum()
    p, q = (before + 0.5) / (n + len(before) / 2), (now + 0.5) / (m + len(now) / 2)
    value = float(np.sum((q - p) * np.log(q / p)))
    noise = (1 / n + 1 / m) * float(chi2.isf(chance, len(before) - 1))
    return Tested(value, max(PSI_LEAST, noise * crowding(reference)))


def missing(reference: Counts, current: Counts, chance: float) -> Tested | None:
    """Change of the share of reports that do not say; reference: (days, 2), current: (2,): silent ones, others."""
    n, m = reference.sum(), current.sum()
    if not n or not m:
        return None
    before, now = reference[:, 0].sum() / n, current[0] / m
    both = (reference[:, 0].sum() + current[0]) / (n + m)
    noise = float(np.sqrt(both * (1 - both) * (1 / n + 1 / m) * chi2.isf(chance, 1) * crowding(reference)))
    return Tested(float(abs(now - before)), max(MISSING_LEAST, noise))


def unseen(reference: Counts, current: Counts, chance: float) -> Tested | None:
    """Share of values that the reference never had.

    How many are to be expected all the same, Good (1953, Biometrika 40:237) tells from the values that it had once.
    """
    before = reference.sum(axis=0)
    n, m = before.sum(), current.sum()
    if not n or not m:
        return None
    expected = m * (np.count_nonzero(before == 1) + 1) / n
    bound = float(poisson.isf(chance, expected * crowding(reference)) / m)
    return Tested(float(current[before == 0].sum() / m), max(NEW_LEAST, bound))


def crowding(reference: Counts) -> float:
    """By how much counts of days vary more than independent ones, at least 1: Pearson's statistic over its degrees."""
    common = reference.sum(axis=0) >= len(reference)  # rare ones say nothing but noise
    days = reference[:, common]
    days = days[days.sum(axis=1) > 0]
    total = days.sum(axis=0)
    if len(days) < 2 or len(total) < 2:
        return 1.0
    expected = days.sum(axis=1, keepdims=True) * total / total.sum()
    return max(1.0, float(np.sum((days - expected) ** 2 / expected) / ((len(days) - 1) * (len(total) - 1))))


def _common(before: Counts, now: Counts) -> tuple[Counts, Counts]:
    """Both counts with the values of which too few are to be expected thrown together."""
    expected = (before + now) * min(before.sum(), now.sum()) / max(before.sum() + now.sum(), 1)
    rare = expected < EXPECTED_LEAST
    if not rare.any():
        return before, now
    few_before, few_now = before[rare].sum(), now[rare].sum()
    kept = [np.append(counts[~rare], few) for counts, few in ((before, few_before), (now, few_now))]
    few = expected[rare].sum()
    return (kept[0], kept[1]) if few >= EXPECTED_LEAST else (before[~rare], now[~rare])
