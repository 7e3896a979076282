"""How well two people agree who graded the same report, each without the other's answer.

The first answer is the label and the second only measures: so kappa is that of the labels a model learns from, and an
upper end of what any model can be seen to reach. A disagreement is settled by nobody here: whoever looks at it may
send a later outcome, which then counts. Cohen's kappa (1960), and with quadratic weights (1968), each with the middle
95 % of `RESAMPLED` multinomial resamples of the pairs (Efron 1979); of few pairs that interval is a little narrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from schemas.audit_request import SECOND
from severity.confusion import Floats, confusion, quadratic_kappa
from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import OFFENCES
from trainer.training.training_set import WITHDRAWN, Levels

RESAMPLED: Final = 2000

_TWICE: Final = f"""
WITH answer AS (
    SELECT agency_id, report_id, request_id, basis, offences, row_number() OVER (
        PARTITION BY agency_id, report_id, request_id ORDER BY sequence DESC, closed_at DESC, basis, offences) AS place
    FROM outcomes WHERE request_id IS NOT NULL
)
SELECT a.agency_id, a.basis AS first_basis, a.offences AS first, b.basis AS second_basis, b.offences AS second
FROM answer a JOIN answer b ON b.agency_id = a.agency_id AND b.report_id = a.report_id
    AND b.request_id = a.request_id || '{SECOND}'
WHERE a.place = 1 AND b.place = 1
"""  # noqa: S608 - a constant of ours, no input


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of reports graded twice. `without_level`: pairs of which one said that nothing happened, or named an offence that
    no table knows; they count in nothing else. Figures of nothing, or where all are of one level, are NaN.
    """

    pairs: int
    without_level: int
    same: float
    kappa: float
    kappa_interval: tuple[float, float]
    quadratic: float
    quadratic_interval: tuple[float, float]


def agreement(dataset: Dataset, levels: Levels, seed: int = 0) -> Agreement:
    """Of all reports of the dataset that were graded twice."""
    rows = dataset.query(_TWICE).to_pylist()
    graded = [[_level(row, who, levels) for who in ("first", "second")] for row in rows]
    pairs = [pair for pair in graded if None not in pair]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return _figures(confusion(table[:, 0], table[:, 1]), len(rows) - len(pairs), seed)


def kappa(c: Floats) -> Floats:
    """Cohen's kappa of confusion matrices (..., k, k); NaN where chance alone explains all."""
    total = c.sum(axis=(-2, -1))
    same = np.trace(c, axis1=-2, axis2=-1) * total
    chance = (c.sum(axis=-1) * c.sum(axis=-2)).sum(axis=-1)
    left = total * total - chance
    return np.asarray(np.divide(same - chance, left, out=np.full(np.shape(total), np.nan), where=left > 0))


def _level(row: Mapping[str, str], who: str, levels: Levels) -> int | None:
    if row[f"{who}_basis"] in WITHDRAWN:
        return None
    return levels.level(OFFENCES.validate_json(row[who]), row["agency_id"])


def _figures(c: Floats, without_level: int, seed: int) -> Agreement:
    pairs = int(c.sum())
    if pairs == 0:
        nothing = (np.nan, np.nan)
        return Agreement(0, without_level, np.nan, np.nan, nothing, np.nan, nothing)
    drawn = np.random.default_rng(seed).multinomial(pairs, c.ravel() / pairs, size=RESAMPLED)
    resampled = drawn.reshape(RESAMPLED, *c.shape).astype(np.float64)
    return Agreement(
        pairs=pairs,
        without_level=without_level,
        same=float(np.trace(c) / pairs),
        kappa=float(kappa(c)),
        kappa_interval=_middle(kappa(resampled)),
        quadratic=float(quadratic_kappa(c)),
        quadratic_interval=_middle(quadratic_kappa(resampled)),
    )


def _middle(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
