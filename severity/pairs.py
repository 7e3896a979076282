"""Multinomial logistic regression over a report's terms (tokens and pairs of tokens): the linear half of the model."""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from severity.encoders import LEVELS
from severity.forest_kernel import kernel
from severity.terms import Terms

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

INVERSE_REGULARISATION: Final = 0.2  # scikit-learn's C; chosen by cross-validation over time
FAINT: Final = 0.1  # weight of the one made-up row that each level gets, so that an absent level still has a score


def fit_pairs(
    terms: Terms, size: int, typical: float, levels: NDArray[np.int64], weights: NDArray[np.float64]
) -> "LogisticRegression":
    """Fit to n reports.

    size: how many terms there are; typical: see `term_scale`; levels: (n,) 0 to 4; weights: (n,).
    """
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    scale = [term_scale(terms, row, typical) for row in range(len(levels))]
    starts = np.append(terms.starts, np.full(LEVELS, terms.starts[-1]))  # the faint rows, which have no term
    data = np.repeat(scale, np.diff(terms.starts))
    X = csr_array((data, terms.ids, starts), shape=(len(starts) - 1, size))
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=100, tol=1e-3)
    return model.fit(X, np.append(levels, np.arange(LEVELS)), np.append(weights, np.full(LEVELS, FAINT)))


@kernel
def term_scale(terms: Terms, row: int, typical: float) -> float:
    """What each of a row's terms counts: 1, or less where there are more than a `typical` number of them.

    A report that says much has many times the pairs of one that says little; undamped it would be far too sure.
    """
    return float(1.0 / np.sqrt(max((terms.starts[row + 1] - terms.starts[row]) / typical, 1.0)))


@kernel
def linear_scores(
    terms: Terms, typical: float, weights: NDArray[np.float64], intercept: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Raw scores (n, 5). weights: (terms, 5); intercept: (5,)."""
    raw = np.zeros((terms.starts.shape[0] - 1, intercept.shape[0]))
    for row in range(raw.shape[0]):
        scale = term_scale(terms, row, typical)
        for at in range(terms.starts[row], terms.starts[row + 1]):
            for level in range(intercept.shape[0]):
                raw[row, level] += weights[terms.ids[at], level]
        for level in range(intercept.shape[0]):
            raw[row, level] = intercept[level] + scale * raw[row, level]
    return raw


@kernel
def linear_credit(
    terms: Terms, row: int, scale: float, weights: NDArray[np.float64], level: int, tokens: NDArray[np.float64]
) -> None:
    """Add what each token of row `row` contributes to the raw score of `level` to `tokens`; a pair's is halved."""
    for at in range(terms.starts[row], terms.starts[row + 1]):
        half = scale * weights[terms.ids[at], level] / 2
        tokens[terms.first[at]] += half
        tokens[terms.second[at]] += half
