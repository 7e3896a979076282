"""How good models are on the newest labelled reports, which none of them was fitted to.

All are judged on the same reports. Every figure is given twice: over the labels as they are, and (`all_`) with weights
under which the labels stand for all reports (`trainer.training.weights.judging`), since clearance picks its cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from severity import confusion as of
from severity import metrics
from severity.levels import GRAVEST
from trainer.judging.resampling import Interval, interval, resampled

FLAGGED: Final = 0.2
"""Share of reports flagged at which the recall of the gravest level is given."""

TOP: Final = f"recall_{GRAVEST}_at_{FLAGGED:.0%}"
GUARDED: Final = "guarded_recall"
"""Of the reports flagged domestic or protective order, the share whose level is not understated. These are a minority
whose grave ones look like their many lesser ones, so a model may lose them without a trace in the other figures."""

CANDIDATE: Final = "challenger"
RULES: Final = "rules"
MAJORITY: Final = "majority"
PLAIN: Final = (RULES, MAJORITY)
"""Answers that nothing was learned for, to see what learning is worth; no differences from them are needed."""

ALL: Final = "all_"

COMPARED: Final = ("accuracy", "macro_f1", "log_loss", TOP, GUARDED)
"""Figures of which the candidate's difference from each other model is given with its interval."""

CELLS: Final = of.LEVELS**2

ENDS: Final = {"": "value", "_low": "low", "_high": "high"}

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """The n reports that models are judged on, one row a report.

    truth: levels 1 to 5. weights: under which they stand for all reports. guarded: domestic or protective order.
    """

    truth: Ints
    weights: Floats
    guarded: Flags


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`figures` by name, those of others than the candidate after `<model>_`.

    By model and figure, `intervals` are of each model's own figures, `differences` of the candidate less the other.
    """

    figures: Mapping[str, float]
    differences: Mapping[tuple[str, str], Interval]
    intervals: Mapping[tuple[str, str], Interval]


def evaluate(judged: Judged, models: Mapping[str, Floats]) -> Evaluation:
    """Judge `models`, by name the probabilities (n, 5) that they give; one is named `CANDIDATE`.

    The decided level is the most probable one: policy and floors are no part of it. What cannot be told is left out.
    """
    found = {name: _values(judged, probabilities) for name, probabilities in models.items()}
    figures = {"holdout_rows": float(len(judged.truth)), **_by_level(judged, models[CANDIDATE])}
    for name, values in found.items():
        prefix = "" if name == CANDIDATE else f"{name}_"
        figures |= {f"{prefix}{figure}": float(each[0]) for figure, each in values.items()}
        if not _certain(models[name]):
            for kind, weights in (("", None), (ALL, judged.weights)):
                error = metrics.calibration_error(judged.truth, models[name], weights=weights)
                figures[f"{prefix}{kind}calibration_error"] = error
    differences, intervals = {}, {}
    for name, values in found.items():
        for figure in (f"{kind}{each}" for kind in ("", ALL) for each in COMPARED):
            if figure in values:
                intervals[name, figure] = interval(values[figure])
                if name not in (CANDIDATE, *PLAIN) and figure in found[CANDIDATE]:
                    differences[name, figure] = interval(found[CANDIDATE][figure] - values[figure])
    for (name, figure), one in differences.items():
        figures |= {f"over_{name}_{figure}{end}": getattr(one, what) for end, what in ENDS.items()}
    known = {name: value for name, value in figures.items() if np.isfinite(value)}
    return Evaluation(known, differences, intervals)


def _by_level(judged: Judged, probabilities: Floats) -> dict[str, float]:
    figures: dict[str, float] = {}
    for kind, weights in (("", None), (ALL, judged.weights)):
        for level, one in metrics.per_level(judged.truth, probabilities.argmax(axis=1) + 1, weights).items():
            if one.support:
                figures |= {f"{kind}precision_{level}": one.precision, f"{kind}recall_{level}": one.recall}
                figures |= {f"{kind}f1_{level}": one.f1, f"rows_{level}": float(one.support)}
    return figures


def _values(judged: Judged, probabilities: Floats) -> dict[str, Floats]:
    """Each figure (draws + 1,), raw and for all reports, on the same draws whichever model it is."""
    plain = _figures(judged, probabilities, None)
    weighted = _figures(judged, probabilities, judged.weights)
    return plain | {f"{ALL}{name}": values for name, values in weighted.items()}


def _figures(judged: Judged, probabilities: Floats, weights: Floats | None) -> dict[str, Floats]:
    truth, decided = judged.truth, probabilities.argmax(axis=1) + 1
    w = np.ones(len(truth)) if weights is None else weights
    gravest = truth == GRAVEST
    top = gravest & metrics.flag(probabilities, FLAGGED, weights)
    kept = judged.guarded & (decided >= truth)
    columns = np.zeros((len(truth), CELLS + 4))
    columns[np.arange(len(truth)), of.cell(truth, decided)] = w
    columns[:, CELLS:] = (
        np.column_stack([top, judged.guarded, kept, metrics.log_losses(truth, probabilities)]) * w[:, None]
    )
    sums = resampled(columns)
    c = sums[:, :CELLS].reshape(-1, of.LEVELS, of.LEVELS)
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have none of a kind: NaN
        figures = {
            "accuracy": of.accuracy(c),
            "macro_f1": of.macro_f1(c),
            "weighted_f1": of.weighted_f1(c),
            "kappa": of.quadratic_kappa(c),
            "recall_4_5": of.grave_recall(c),
            "harm_recall": of.harm_recall(c),
            "far_misses": of.far_misses(c),
            TOP: sums[:, CELLS] / c[:, GRAVEST - 1].sum(axis=1),
            GUARDED: sums[:, CELLS + 2] / sums[:, CELLS + 1],
        }
        if not _certain(probabilities):
            figures["log_loss"] = sums[:, CELLS + 3] / c.sum(axis=(1, 2))
    return figures


def _certain(probabilities: Floats) -> bool:
    """Whether every row has all on one level: rules know no doubt, so there is none to judge."""
    return bool((probabilities.max(axis=1) == 1.0).all())
