"""A fitted model as flat arrays: what scores reports in the stream. Needs neither scikit-learn nor pandas."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity import encoders, history
from severity.encoders import LevelShares
from severity.facts import NUMBERS, Gate
from severity.forest import Forest
from severity.history import Snapshot
from severity.pairs import linear_credit, linear_scores, term_scale
from severity.terms import UNKNOWN, TermIndex, Terms, Tokens, TokenWriter, expand

LINEAR_SHARE: Final = 0.4  # of the raw score; the forest has the rest. Chosen by cross-validation over time
SEVERAL: Final = frozenset({"circumstance", "weapons", "agency_weapons", "injuries"})  # inputs credited value by value
NUMBER_INPUTS: Final = tuple(name.partition(":")[0] for name in NUMBERS)
SHOWN: Final = {"time:minute", "filing_delay:days", "victims:count", "suspects:count", "circumstances:count"}
ENCODED: Final = len(NUMBERS)
HISTORY: Final = ENCODED + encoders.COLUMNS
COLUMNS: Final = HISTORY + history.COLUMNS
UNSAID: Final = "unsaid"


class Contribution(NamedTuple):
    """What one input added to a raw score."""

    input: str  # such as "weapons", "circumstance", "time", "history", "unsaid" (that a whole kind of facts is missing)
    value: str | float | None  # a code; of "time" the minute of the day, of "filing_delay" days, of counts the count
    contribution: float


class Explanation(NamedTuple):
    """A raw score taken apart: `baseline` and all contributions add up to it."""

    baseline: float
    contributions: list[Contribution]


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores reports one way, everywhere: made by `SeverityModel.compile`, safe to pickle and to share by threads."""

    gate: Gate
    vocabulary: dict[str, int]
    names: list[tuple[str, str]]  # input and code of each token
    index: TermIndex
    shares: LevelShares
    snapshot: Snapshot
    typical: float  # terms of a report, see `pairs.term_scale`
    weights: NDArray[np.float64]  # (terms, 5)
    intercept: NDArray[np.float64]  # (5,)
    forest: Forest

    def score(self, reports: Sequence[CrimeReport]) -> "Scores":
        """Raw scores and probabilities of n reports, in their order."""
        tokens, numbers, _ = TokenWriter(self.vocabulary).write(map(self.gate.facts, reports))
        terms = expand(tokens, self.index)
        X = np.empty((len(tokens.sides), COLUMNS))
        X[:, :ENCODED] = numbers.reshape(-1, ENCODED)
        encoders.encode(terms, self.shares, np.zeros(len(X), dtype=np.int64), X[:, ENCODED:HISTORY])
        X[:, HISTORY:] = history.columns(self.snapshot, history.entities(tokens, self.index.kinds))
        scale = term_scale(terms, self.typical)
        raw = linear_scores(terms, scale, self.weights, self.intercept)
        raw *= LINEAR_SHARE
        raw += (1 - LINEAR_SHARE) * self.forest.raw(X)
        return Scores(raw, softmax(raw), X, self, tokens, terms, scale)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n reports. `raw` (n, 5): log-odds up to a constant of the row; column 0 is level 1."""

    raw: NDArray[np.float64]
    probabilities: NDArray[np.float64]  # (n, 5)
    columns: NDArray[np.float64]  # (n, COLUMNS) what the forest saw
    scorer: Scorer
    tokens: Tokens
    terms: Terms
    scale: NDArray[np.float64]

    def explain(self, i: int, level: int) -> Explanation:
        """Take the raw score of `level` (1 to 5) of report `i` apart, by input.

        The forest's half is credited along the trees' paths (see `Forest.attribute`), a column of encoded terms on to
        the tokens behind it (see `encoders.credit`), a pair's weight in halves to its two tokens.
        """
        scorer, output = self.scorer, level - 1
        _, columns = scorer.forest.explain(self.columns[i], output)
        columns *= 1 - LINEAR_SHARE
        start, end = self.tokens.starts[i], self.tokens.starts[i + 1]
        by_token = np.zeros(end - start)
        encoders.credit(self.terms, scorer.shares, i, columns[ENCODED:HISTORY], by_token)
        unsaid = float(columns[ENCODED:HISTORY].sum() - by_token.sum())
        linear_credit(self.terms, i, LINEAR_SHARE * self.scale[i], scorer.weights, output, by_token)

        found: dict[tuple[str, str | float | None], float] = {}
        shown: dict[str, str | float | None] = {}
        names = scorer.names
        for token, amount in zip(self.tokens.ids[start:end].tolist(), by_token.tolist(), strict=True):
            if token != UNKNOWN:
                name, value = names[token]
                shown.setdefault(name, value)
                key = (name, value if name in SEVERAL else None)
                found[key] = found.get(key, 0.0) + amount
        for column, (name, amount) in enumerate(zip(NUMBER_INPUTS, columns[:ENCODED].tolist(), strict=True)):
            number = float(self.columns[i, column])
            if NUMBERS[column] in SHOWN and number == number:
                shown[name] = number
            found[name, None] = found.get((name, None), 0.0) + amount
        found["history", None] = float(columns[HISTORY:].sum())
        found[UNSAID, None] = unsaid
        baseline = (1 - LINEAR_SHARE) * float(scorer.forest.baseline[output]) + LINEAR_SHARE * float(
            scorer.intercept[output]
        )
        return Explanation(
            baseline,
            [
                Contribution(name, value if name in SEVERAL else shown.get(name), amount)
                for (name, value), amount in found.items()
                if amount != 0.0
            ],
        )


def softmax(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, 5) of raw scores (n, 5)."""
    odds = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def token_names(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """The input and the bare code behind each token: "circumstance:lapd/0344/first" → ("circumstance", "0344")."""
    names = []
    for token in vocabulary:
        name, _, value = token.partition(":")
        parts = value.split("/")
        names.append((name, parts[1] if len(parts) > 1 else value))
    return names
