"""Whether a new model may go before responders. Pure: figures in, a verdict with its reason out.

This is the least that must hold: enough to learn from, and better than saying the most frequent level of every report.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

LEAST_ROWS: Final = 200
"""Labelled reports to fit anything at all; over fewer, macro-F1 on a fifth of them is little more than noise."""

LEAST_LEVELS: Final = 2
"""Levels that must occur among the reports to learn from."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`text` is for people and goes into the manifest."""

    passed: bool
    text: str


def enough(levels: npt.NDArray[np.int64]) -> Verdict:
    """Whether there is enough to fit a model to; `levels` (n,) of the older part and the newer part together."""
    if len(levels) < LEAST_ROWS:
        return Verdict(False, f"not fitted: {len(levels)} labelled reports are fewer than {LEAST_ROWS}")
    found = len(np.unique(levels))
    if found < LEAST_LEVELS:
        return Verdict(False, f"not fitted: all {len(levels)} labelled reports have the same level")
    return Verdict(True, f"{len(levels)} labelled reports of {found} levels")


def judge(accuracy: float, macro_f1: float, majority_accuracy: float, majority_macro_f1: float, rows: int) -> Verdict:
    """Whether a candidate may be champion, by its figures and the majority's on the same `rows` newest reports."""
    figures = (
        f"accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f} on the newest {rows} reports"
        f" (majority: {majority_accuracy:.3f}, {majority_macro_f1:.3f})"
    )
    if accuracy < majority_accuracy or macro_f1 <= majority_macro_f1:
        return Verdict(False, f"refused: no better than the majority: {figures}")
    return Verdict(True, f"passed: {figures}")
