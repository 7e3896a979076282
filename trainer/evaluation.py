"""How good a model is on the newest labelled reports, which it was not fitted to."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from severity import metrics
from severity.conformal import PredictionSets
from severity.levels import GRAVEST

FLAGGED: Final = 0.2
"""Share of reports flagged at which the recall of the gravest level is given."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def evaluate(truth: Ints, probabilities: Floats, older: Ints, basis: npt.NDArray[np.str_]) -> dict[str, float]:
    """Figures of (n, 5) `probabilities` against `truth` (n,), beside those of the most frequent level of `older`.

    The decided level is the most probable one: policy and floors are no part of it. `audited_*` are the same figures on
    the reports drawn at random, which alone stand for all reports. What cannot be told is left out.
    """
    decided = probabilities.argmax(axis=1) + 1
    most = np.full_like(truth, np.bincount(older).argmax())
    figures = {
        "holdout_rows": float(len(truth)),
        **_figures(truth, decided),
        **{f"majority_{name}": value for name, value in _figures(truth, most).items()},
        "log_loss": metrics.log_loss(truth, probabilities),
        "calibration_error": metrics.calibration_error(truth, probabilities),
        "far_misses": metrics.far_misses(truth, decided),
        f"recall_{GRAVEST}_at_{FLAGGED:.0%}": metrics.top_recall(truth, probabilities, FLAGGED),
    }
    for level, one in metrics.per_level(truth, decided).items():
        if one.support:
            figures |= {f"f1_{level}": one.f1, f"rows_{level}": float(one.support)}
    audited = basis == "audited"
    if audited.any():
        figures["audited_rows"] = float(audited.sum())
        found = _figures(truth[audited], decided[audited])
        figures |= {f"audited_{name}": value for name, value in found.items()}
    return _known(figures)


def set_size(sets: PredictionSets, probabilities: Floats) -> float:
    """Mean number of plausible levels. Coverage is not given: the sets were fitted to these very reports."""
    return float(sets.plausible(probabilities).sum(axis=1).mean())


def _figures(truth: Ints, decided: Ints) -> dict[str, float]:
    return {
        "accuracy": metrics.accuracy(truth, decided),
        "macro_f1": metrics.macro_f1(truth, decided),
        "weighted_f1": metrics.weighted_f1(truth, decided),
    }


def _known(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if np.isfinite(value)}
