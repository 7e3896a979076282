"""Accuracy and F1 from a confusion matrix."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Scores:
    """`labels` reports; `level_f1` and `level_labels` have one entry a level, in order.

    An F1 of a level that neither occurs nor is decided is NaN, and the averages leave it out, as scikit-learn does.
    """

    labels: int
    accuracy: float
    macro_f1: float
    weighted_f1: float
    level_f1: tuple[float, ...]
    level_labels: tuple[int, ...]


def scores(confusion: npt.NDArray[np.int64]) -> Scores:
    """Of a (k, k) matrix of counts, row the true level, column the decided one; figures of nothing are NaN.

    >>> import numpy as np
    >>> one = scores(np.array([[8, 2], [1, 9]]))
    >>> one.labels, one.accuracy, round(one.macro_f1, 3)
    (20, 0.85, 0.85)
    """
    true, decided, right = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    total = int(confusion.sum())
    either = true + decided
    f1 = np.divide(2.0 * right, either, out=np.full(len(either), np.nan), where=either > 0)
    return Scores(
        labels=total,
        accuracy=float(right.sum() / total) if total else np.nan,
        macro_f1=float(np.nanmean(f1)) if total else np.nan,
        weighted_f1=float(np.nansum(f1 * true) / total) if total else np.nan,
        level_f1=tuple(f1.tolist()),
        level_labels=tuple(int(n) for n in true),
    )
