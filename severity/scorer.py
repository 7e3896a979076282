"""A fitted model as flat arrays: what scores reports in the stream. Needs neither scikit-learn nor pandas."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity import encoders, history
from severity.encoders import LEVELS, LevelShares, encode, encoded_credit
from severity.facts import NUMBERS, Gate
from severity.forest import Forest
from severity.forest_kernel import Trees, explain_row, kernel, score_rows
from severity.history import Snapshot, entities, write_columns
from severity.pairs import linear_credit, linear_scores, term_scale
from severity.terms import UNKNOWN, TermIndex, Terms, Tokens, TokenWriter, expand

LINEAR_SHARE: Final = 0.4  # of the raw score; the forest has the rest. Chosen by cross-validation over time
SEVERAL: Final = frozenset({"circumstance", "weapons", "agency_weapons", "injuries"})  # inputs credited value by value
NUMBER_INPUTS: Final = tuple(name.partition(":")[0] for name in NUMBERS)
SHOWN: Final = frozenset(
    NUMBERS.index(name)
    for name in ("time:minute", "filing_delay:days", "victims:count", "suspects:count", "circumstances:count")
)  # numbers shown as their input's value
ENCODED: Final = len(NUMBERS)
HISTORY: Final = ENCODED + encoders.COLUMNS
COLUMNS: Final = HISTORY + history.COLUMNS
UNSAID: Final = "unsaid"
ALIASES: Final = {"first_circumstance": "circumstance", "last_circumstance": "circumstance"}
OWNED: Final = frozenset(
    ("area", "district", "agency_place_type", "agency_incident_type", "agency_weapons", "circumstance", *ALIASES)
)  # inputs whose codes are the agency's own and carry its name


class Contribution(NamedTuple):
    """What one input added to a raw score."""

    input: str  # such as "weapons", "circumstance", "time", "history", "unsaid" (that a whole kind of facts is missing)
    value: str | float | None  # a code; of "time" the minute of the day, of "filing_delay" days, of counts the count
    contribution: float


class Explanation(NamedTuple):
    """A raw score taken apart: `baseline` and all contributions add up to it."""

    baseline: float
    contributions: list[Contribution]


class Learned(NamedTuple):
    """All that was learned, as the compiled functions take it."""

    term_index: TermIndex
    shares: LevelShares
    snapshot: Snapshot
    typical: float  # terms of a report, see `pairs.term_scale`
    weights: NDArray[np.float64]  # (terms, 5) of the regression
    intercept: NDArray[np.float64]  # (5,)


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Scores reports one way, everywhere: made by `SeverityModel.compile`, safe to pickle and to share by threads."""

    gate: Gate
    vocabulary: dict[str, int]
    names: list[tuple[str, str]]  # input and code of each token
    learned: Learned
    forest: Forest

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", _fixed(self.learned))

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: unpickled arrays may be unaligned, another type to numba, compiled anew.
        return Scorer, tuple(getattr(self, field.name) for field in fields(self))

    def score(self, reports: Sequence[CrimeReport]) -> "Scores":
        """Raw scores and probabilities of n reports, in their order."""
        tokens, numbers, _ = TokenWriter(self.vocabulary).write(map(self.gate.facts, reports))
        terms, X, raw = _score(tokens, numbers.reshape(-1, ENCODED), self.learned, self.forest.trees)
        return Scores(raw, softmax(raw), X, self, tokens, terms)

    def warm_up(self, reports: Sequence[CrimeReport]) -> None:
        """Compile every function (or load it from numba's cache) by scoring and explaining a few reports."""
        for scores in (self.score(reports), self.score(reports[:1])):
            scores.explain(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of n reports. `raw` (n, 5): log-odds up to a constant of the row; column 0 is level 1."""

    raw: NDArray[np.float64]
    probabilities: NDArray[np.float64]  # (n, 5)
    columns: NDArray[np.float64]  # (n, COLUMNS) what the forest saw
    scorer: Scorer
    tokens: Tokens
    terms: Terms

    def explain(self, i: int, level: int) -> Explanation:
        """Take the raw score of `level` (1 to 5) of report `i` apart, by input.

        The forest's part is credited along the trees' paths (see `Forest.attribute`), a column of encoded terms on to
        the tokens behind it (see `encoders.encoded_credit`), a pair's weight in halves to its two tokens.
        """
        scorer, output = self.scorer, level - 1
        trees, learned = scorer.forest.trees, scorer.learned
        start, end = int(self.tokens.starts[i]), int(self.tokens.starts[i + 1])
        by_token, by_number, past, unsaid = _explain(
            trees, self.columns, self.terms, i, output, end - start, learned.shares, learned.typical, learned.weights
        )
        found: dict[tuple[str, str | float | None], float] = {("history", None): past, (UNSAID, None): unsaid}
        shown: dict[str, str | float | None] = {}
        names = scorer.names
        for token, amount in zip(self.tokens.ids[start:end].tolist(), by_token.tolist(), strict=True):
            if token != UNKNOWN:
                name, value = names[token]
                shown.setdefault(name, value)
                key = (name, value if name in SEVERAL else None)
                found[key] = found.get(key, 0.0) + amount
        numbers = self.columns[i, :ENCODED].tolist()
        for column, (name, number, amount) in enumerate(zip(NUMBER_INPUTS, numbers, by_number.tolist(), strict=True)):
            if column in SHOWN and number == number:
                shown[name] = number
            found[name, None] = found.get((name, None), 0.0) + amount
        forest, linear = float(scorer.forest.baseline[output]), float(learned.intercept[output])
        return Explanation(
            (1 - LINEAR_SHARE) * forest + LINEAR_SHARE * linear,
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
    """The input and the bare code behind each token: "first_circumstance:lapd/0344" → ("circumstance", "0344")."""
    names = []
    for token in vocabulary:
        name, _, value = token.partition(":")
        _, slash, code = value.partition("/")
        names.append((ALIASES.get(name, name), code if slash and name in OWNED else value))
    return names


_T = TypeVar("_T")


def _fixed(value: _T) -> _T:
    """The same tuple with aligned, contiguous, writable arrays all through: one type to the compiled functions."""
    if isinstance(value, np.ndarray):
        return np.array(value, order="C")  # type: ignore[return-value]  # an array of the same type
    if isinstance(value, tuple):
        return type(value)(*map(_fixed, value))
    return value


# numba keeps compiled code by the file a function stands in, and does not see that a kernel it calls from another file
# has changed: after such a change remove severity/__pycache__/*.nb*.
@kernel
def _score(
    tokens: Tokens, numbers: NDArray[np.float64], learned: Learned, trees: Trees
) -> tuple[Terms, NDArray[np.float64], NDArray[np.float64]]:
    """Terms, columns (n, COLUMNS) and raw scores (n, 5) of n reports."""
    n = tokens.sides.shape[0]
    terms = expand(tokens, learned.term_index)
    X = np.empty((n, COLUMNS))
    X[:, :ENCODED] = numbers
    encode(terms, learned.shares, np.zeros(n, np.int64), X[:, ENCODED:HISTORY])
    seen = entities(tokens, learned.term_index.kinds)
    write_columns(learned.snapshot, seen, np.arange(n), X[:, HISTORY:])
    forest = np.empty((n, LEVELS))
    score_rows(trees, X, np.empty(2 * COLUMNS + 1), np.empty(trees.roots.shape[0], np.uint32), forest)
    linear = linear_scores(terms, learned.typical, learned.weights, learned.intercept)
    return terms, X, (1 - LINEAR_SHARE) * forest + LINEAR_SHARE * linear


@kernel
def _explain(
    trees: Trees,
    X: NDArray[np.float64],
    terms: Terms,
    row: int,
    output: int,
    n_tokens: int,
    shares: LevelShares,
    typical: float,
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Contributions to raw score `output` of the row: by token, by number, of history, and of what is not said."""
    cells, leaves, raw = np.empty(2 * COLUMNS + 1), np.empty(trees.roots.shape[0], np.uint32), np.empty(LEVELS)
    columns = np.empty(COLUMNS)
    explain_row(trees, X[row], output, cells, leaves, raw, columns)
    columns *= 1 - LINEAR_SHARE
    tokens = np.zeros(n_tokens)
    encoded_credit(terms, shares, row, columns[ENCODED:HISTORY], tokens)
    unsaid = columns[ENCODED:HISTORY].sum() - tokens.sum()
    linear_credit(terms, row, LINEAR_SHARE * term_scale(terms, row, typical), weights, output, tokens)
    return tokens, columns[:ENCODED], columns[HISTORY:].sum(), unsaid
