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

    scale = term_scale(terms, typical)
    starts = np.append(terms.starts, np.full(LEVELS, terms.starts[-1]))  # the faint rows, which have no term
    data = np.repeat(scale, np.diff(terms.starts))
    X = csr_array((data, terms.ids, starts), shape=(len(starts) - 1, size))
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=100, tol=1e-3)
    return model.fit(X, np.append(levels, np.arange(LEVELS)), np.append(weights, np.full(LEVELS, FAINT)))


def term_scale(terms: Terms, typical: float) -> NDArray[np.float64]:
    """What each of n rows' terms count: 1, or less where there are more than a `typical` number of them.

    A report that says much has many times the pairs of one that says little; undamped it would be far too sure.
    """
    return 1.0 / np.sqrt(np.maximum(np.diff(terms.starts) / typical, 1.0))


@kernel
def linear_scores(
    terms: Terms, scale: NDArray[np.float64], weights: NDArray[np.float64], intercept: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Raw scores (n, 5). scale: (n,); weights: (terms, 5); intercept: (5,)."""
    raw = np.empty((scale.shape[0], intercept.shape[0]))
    for row in range(scale.shape[0]):
        for level in range(intercept.shape[0]):
            raw[row, level] = 0.0
        for at in range(terms.starts[row], terms.starts[row + 1]):
            for level in range(intercept.shape[0]):
                raw[row, level] += weights[terms.ids[at], level]
        for level in range(intercept.shape[0]):
            raw[row, level] = intercept[level] + scale[row] * raw[row, level]
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
