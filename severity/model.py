"""The severity model: fitted to reports and the levels they turned out to have, compiled to a `Scorer`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from schemas.crime_report import CrimeReport
from severity import encoders, history
from severity.encoders import FOLDS, LEVELS
from severity.facts import Gate, Information
from severity.forest import Forest
from severity.learned import COLUMNS, ENCODED, HISTORY, Learned
from severity.pairs import FAINT, fit_pairs
from severity.scorer import Scorer, Scores, token_names
from severity.terms import UNKNOWN, Tokens, expand, kinds_of, learn_terms
from severity.told import Told, tell

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Progress = Callable[[str, float], None]

MANY_ROWS: Final = 150_000
"""The trees and the regression are fitted to at most so many of the newest rows; encodings and history count all."""
LATEST: Final = 0.999
"""Share of the outcomes that lie before the served snapshot's cut."""

FOREST: Final = {
    "max_iter": 80,
    "learning_rate": 0.15,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
}
FOREST_OF_MANY_ROWS: Final = FOREST | {"max_iter": 60, "learning_rate": 0.2}


class SeverityModel:
    """Average, in raw scores, of gradient-boosted trees over encoded columns and a regression over pairs of facts.

    information: what of a report is used, see `severity.facts`. seed: of the encoders' folds; the same rows in the
    same order and the same seed give the same model. Fitted state ends in `_`; it is kept with joblib.
    """

    def __init__(self, information: Information = "report", seed: int = 0) -> None:
        self.information = information
        self.seed = seed

    def fit(
        self,
        reports: Sequence[CrimeReport] | Told,
        levels: ArrayLike,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> "SeverityModel":
        """Fit to n reports, oldest first, and the levels (n,) 1 to 5 that they turned out to have.

        reports: or what is told of them, written down once for several fits.

        known_at: when each level became known, for the history columns; on the report's own day without it, and never
            before that day, whatever a clock says.
        progress: told the stage that begins and the share of the work done before it.
        Raises ValueError when there are no reports, lengths differ, or a level or weight is out of range.
        """
        step = progress or (lambda stage, done: None)
        y, weights = _checked(len(reports), levels, sample_weight)
        step("facts", 0.0)
        told = reports if isinstance(reports, Told) else tell(reports, self.information)
        if told.information != self.information:
            raise ValueError(f"the reports were told as {told.information!r}, the model wants {self.information!r}")
        days = told.days
        least = max(2, len(y) // 50_000)
        self.vocabulary_, tokens = _prune(told.vocabulary, told.tokens, least)

        step("terms", 0.15)
        kinds = kinds_of(self.vocabulary_)
        self.index_ = learn_terms(tokens, kinds, least)
        first = max(0, len(y) - MANY_ROWS)
        terms = expand(tokens.part(first, len(y)), self.index_)
        size = len(self.index_.families)
        self.typical_ = max(1.0, len(terms.ids) / (len(y) - first))

        step("encodings", 0.25)
        folds = np.random.default_rng(self.seed).integers(0, FOLDS, len(y))
        older = ((rows, expand(some, self.index_)) for rows, some in tokens.parts(first))
        self.shares_, apart = encoders.learn_shares(
            chain(older, [(slice(first, None), terms)]), self.index_, y, weights, folds
        )
        known = days if known_at is None else np.array([moment.toordinal() for moment in known_at], dtype=np.int64)
        known = np.maximum(known, days)  # a clock that is slow, or another offset, must not show a row its own label
        seen = history.entities(tokens, kinds)
        # Not the very last day: one outcome dated far ahead by mistake would leave the windows before it empty.
        cut = int(np.quantile(known, LATEST, method="lower")) + 1
        self.snapshot_ = history.take_snapshot(seen, known, y, cut, len(kinds))
        X = np.empty((len(y) - first, COLUMNS))
        X[:, :ENCODED] = told.numbers[first:]
        encoders.encode(terms, apart, folds[first:], X[:, ENCODED:HISTORY])
        X[:, HISTORY:] = history.training_columns(seen, days, known, y, len(kinds), first)

        with threadpool_limits(limits=1):  # of two threads, each spins for the other when a neighbour keeps a core busy
            step("pairs", 0.35)
            self.pairs_ = fit_pairs(terms, max(1, size), self.typical_, y[first:], weights[first:])
            step("trees", 0.55)
            self.forest_ = _fit_forest(X, y[first:], weights[first:], first > 0, self.seed)
        step("done", 1.0)
        return self

    def compile(self) -> Scorer:
        """The fitted model as flat arrays."""
        return Scorer(
            Gate(self.information),
            self.vocabulary_,
            token_names(self.vocabulary_),
            Learned(
                self.index_,
                self.shares_,
                self.snapshot_,
                self.typical_,
                self.pairs_.coef_.T,
                self.pairs_.intercept_,
            ),
            Forest.from_sklearn(self.forest_),
        )

    def score(self, reports: Sequence[CrimeReport]) -> Scores:
        """As `Scorer.score`; compiles anew, so keep a `Scorer` where it is asked often."""
        return self.compile().score(reports)

    def raw_scores(self, reports: Sequence[CrimeReport]) -> NDArray[np.float64]:
        """Raw scores (n, 5): log-odds up to a constant of the row."""
        return self.score(reports).raw

    def predict_proba(self, reports: Sequence[CrimeReport]) -> NDArray[np.float64]:
        """Probabilities (n, 5) of levels 1 to 5."""
        return self.score(reports).probabilities


def _checked(
    n: int, levels: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    y = np.asarray(levels)
    weights = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if n == 0:
        raise ValueError("there are no reports to fit to")
    if y.shape != (n,) or weights.shape != (n,):
        raise ValueError(f"{n} reports need as many levels and weights, not {y.shape} and {weights.shape}")
    if not np.isin(y, np.arange(1, LEVELS + 1)).all():
        raise ValueError(f"levels are 1 to {LEVELS}, not {np.setdiff1d(y, np.arange(1, LEVELS + 1))[:5].tolist()}")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("weights are finite and not negative")
    return y.astype(np.int64) - 1, weights


def _prune(vocabulary: dict[str, int], tokens: Tokens, least: int) -> tuple[dict[str, int], Tokens]:
    """Keep the tokens that at least `least` reports have, numbered without gaps."""
    kept = np.bincount(tokens.ids, minlength=len(vocabulary)) >= least
    number = np.where(kept, np.cumsum(kept) - 1, UNKNOWN)
    names = {token: int(number[old]) for token, old in vocabulary.items() if kept[old]}
    return names, tokens._replace(ids=number[tokens.ids])


def _fit_forest(
    X: NDArray[np.float64], y: NDArray[np.int64], weights: NDArray[np.float64], many: bool, seed: int
) -> "HistGradientBoostingClassifier":
    from sklearn.ensemble import HistGradientBoostingClassifier

    faint = np.zeros((LEVELS, X.shape[1]))  # not NaN: scikit-learn cannot bin a column without any number
    trees = HistGradientBoostingClassifier(
        **(FOREST_OF_MANY_ROWS if many else FOREST), early_stopping=False, random_state=seed
    )
    return trees.fit(
        np.concatenate([_snapped(X), faint]),
        np.append(y, np.arange(LEVELS)),
        np.append(weights, np.full(LEVELS, FAINT)),
    )


def _snapped(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value moved to the nearest of 250 of its column's quantiles.

    scikit-learn bins weighted rows by weighted quantiles, which takes five times as long as the whole fit. Of few
    distinct values each gets its own bin, with the limits halfway between: rows that are not snapped fall alike.
    """
    out = X.copy()
    for column in out.T:
        known = ~np.isnan(column)
        if known.any():
            kept = np.unique(np.quantile(column[known], np.linspace(0, 1, 250), method="nearest"))
            column[known] = kept[np.searchsorted((kept[:-1] + kept[1:]) / 2, column[known])]
    return out
