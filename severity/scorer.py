"""A fitted model as flat arrays: what scores reports in the stream. Needs neither scikit-learn nor pandas."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity import encoders, history
from severity.encoders import LEVELS, LevelShares, encode, encoded_credit
from severity.facts import NUMBERS, Gate
from severity.forest import Forest
from severity.forest_kernel import Trees, attribute_row, kernel, score_row
from severity.history import Snapshot, entities, write_columns
from severity.pairs import linear_credit, linear_scores, term_scale
from severity.reasons import Leading, Theme, may_be_told, theme_of
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
CELLS: Final = 2 * COLUMNS + 1
LEADING: Final = 16  # themes that are handed on as possible reasons, where a handful is told
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


class Themes(NamedTuple):
    """What each token and each number is told as, see `severity.reasons`: places in `Scorer.themes`."""

    of_token: NDArray[np.int64]  # (vocabulary,)
    of_number: NDArray[np.int64]  # (numbers,)
    of_history: int
    of_unsaid: int
    told: NDArray[np.bool_]  # (themes,) whether it may be told at all


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
    themes: list[Theme] = field(init=False)
    _themes: Themes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", _fixed(self.learned))
        themes, places = _themes(self.names)
        object.__setattr__(self, "themes", themes)
        object.__setattr__(self, "_themes", places)

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: unpickled arrays may be unaligned, another type to numba, compiled anew.
        return Scorer, tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def score(self, reports: Sequence[CrimeReport]) -> "Scores":
        """Raw scores and probabilities of n reports, in their order."""
        tokens, numbers, _ = TokenWriter(self.vocabulary).write(map(self.gate.facts, reports))
        terms, X, leaves, raw = _score(tokens, numbers.reshape(-1, ENCODED), self.learned, self.forest.trees)
        return Scores(raw, softmax(raw), X, leaves, self, tokens, terms)

    def baselines(self) -> NDArray[np.float64]:
        """Raw score (5,) of each level that the contributions to it start from."""
        return (1 - LINEAR_SHARE) * self.forest.baseline + LINEAR_SHARE * self.learned.intercept

    def warm_up(self, reports: Sequence[CrimeReport]) -> None:
        """Compile every function (or load it from numba's cache) by scoring and explaining a few reports."""
        for scores in (self.score(reports), self.score(reports[:1])):
            scores.leading([1] * len(scores.raw))
            scores.explain(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of n reports. `raw` (n, 5): log-odds up to a constant of the row; column 0 is level 1."""

    raw: NDArray[np.float64]
    probabilities: NDArray[np.float64]  # (n, 5)
    columns: NDArray[np.float64]  # (n, COLUMNS) what the forest saw
    leaves: NDArray[np.uint32]  # (n, trees) where each tree ended
    scorer: Scorer
    tokens: Tokens
    terms: Terms

    def leading(self, levels: Sequence[int]) -> tuple[NDArray[np.float64], list[Leading]]:
        """For each report what its raw score of one level (`levels`, n of 1 to 5) starts from, and what leads to it.

        As `severity.reasons.leading` would say of `explain`, for a whole batch at once.
        """
        scorer, outputs = self.scorer, np.asarray(levels, dtype=np.int64) - 1
        found = _lead(
            scorer.forest.trees, self.columns, self.leaves, self.tokens, self.terms, outputs, scorer.learned,
            scorer._themes,
        )  # fmt: skip
        counts, places, amounts, in_favour, total = (array.tolist() for array in found)
        themes = scorer.themes
        return self.scorer.baselines()[outputs], [
            Leading([(themes[place], amount) for place, amount in zip(row[:n], told, strict=False)], positive, whole)
            for n, row, told, positive, whole in zip(counts, places, amounts, in_favour, total, strict=True)
        ]

    def explain(self, i: int, level: int) -> Explanation:
        """Take the raw score of `level` (1 to 5) of report `i` apart, by input.

        The forest's part is credited along the trees' paths (see `Forest.attribute`), a column of encoded terms on to
        the tokens behind it (see `encoders.encoded_credit`), a pair's weight in halves to its two tokens.
        """
        scorer, output = self.scorer, level - 1
        trees, learned = scorer.forest.trees, scorer.learned
        start, end = int(self.tokens.starts[i]), int(self.tokens.starts[i + 1])
        by_token, by_number, past, unsaid = _credit(trees, self.leaves[i], self.terms, i, output, end - start, learned)
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
        return Explanation(
            float(scorer.baselines()[output]),
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


def _themes(names: Sequence[tuple[str, str]]) -> tuple[list[Theme], Themes]:
    places: dict[Theme, int] = {}
    of_token = [places.setdefault(theme_of(name, code), len(places)) for name, code in names]
    of_number = [places.setdefault(theme_of(name, None), len(places)) for name in NUMBER_INPUTS]
    history, unsaid = (places.setdefault(theme_of(name, None), len(places)) for name in ("history", UNSAID))
    told = np.array([may_be_told(theme) for theme in places])
    return list(places), Themes(np.array(of_token, np.int64), np.array(of_number, np.int64), history, unsaid, told)


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
) -> tuple[Terms, NDArray[np.float64], NDArray[np.uint32], NDArray[np.float64]]:
    """Terms, columns (n, COLUMNS), leaves (n, trees) and raw scores (n, 5) of n reports."""
    n = tokens.sides.shape[0]
    terms = expand(tokens, learned.term_index)
    X = np.empty((n, COLUMNS))
    X[:, :ENCODED] = numbers
    encode(terms, learned.shares, np.zeros(n, np.int64), X[:, ENCODED:HISTORY])
    seen = entities(tokens, learned.term_index.kinds)
    write_columns(learned.snapshot, seen, np.arange(n), X[:, HISTORY:])
    forest, leaves, cells = np.empty((n, LEVELS)), np.empty((n, trees.roots.shape[0]), np.uint32), np.empty(CELLS)
    for row in range(n):
        score_row(trees, X[row], cells, leaves[row], forest[row])
    linear = linear_scores(terms, learned.typical, learned.weights, learned.intercept)
    return terms, X, leaves, (1 - LINEAR_SHARE) * forest + LINEAR_SHARE * linear


@kernel
def _credit(
    trees: Trees, leaves: NDArray[np.uint32], terms: Terms, row: int, output: int, n_tokens: int, learned: Learned
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Contributions to raw score `output` of the row: by token, by number, of history, and of what is not said."""
    columns = np.empty(COLUMNS)
    attribute_row(trees, leaves, output, columns)
    columns *= 1 - LINEAR_SHARE
    tokens = np.zeros(n_tokens)
    encoded_credit(terms, learned.shares, row, columns[ENCODED:HISTORY], tokens)
    unsaid = columns[ENCODED:HISTORY].sum() - tokens.sum()
    scale = LINEAR_SHARE * term_scale(terms, row, learned.typical)
    linear_credit(terms, row, scale, learned.weights, output, tokens)
    return tokens, columns[:ENCODED], columns[HISTORY:].sum(), unsaid


@kernel
def _lead(
    trees: Trees,
    X: NDArray[np.float64],
    leaves: NDArray[np.uint32],
    tokens: Tokens,
    terms: Terms,
    outputs: NDArray[np.int64],
    learned: Learned,
    themes: Themes,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each report (n): how many themes lead, which (n, LEADING), by how much, all in favour, and all together."""
    n = outputs.shape[0]
    counts, in_favour, total = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    places, amounts = np.zeros((n, LEADING), np.int64), np.zeros((n, LEADING))
    sums = np.zeros(themes.told.shape[0])
    touched = np.empty(themes.told.shape[0], np.int64)
    seen = np.zeros(themes.told.shape[0], np.bool_)
    for row in range(n):
        start, end = tokens.starts[row], tokens.starts[row + 1]
        by_token, by_number, past, unsaid = _credit(trees, leaves[row], terms, row, outputs[row], end - start, learned)
        used = 0
        for at in range(end - start + ENCODED + 2):
            if at < end - start:
                if tokens.ids[start + at] == UNKNOWN:
                    continue
                theme, amount = themes.of_token[tokens.ids[start + at]], by_token[at]
            elif at < end - start + ENCODED:
                number = at - (end - start)
                theme, amount = themes.of_number[number], by_number[number]
            elif at == end - start + ENCODED:
                theme, amount = themes.of_history, past
            else:
                theme, amount = themes.of_unsaid, unsaid
            if not seen[theme]:
                seen[theme] = True
                touched[used] = theme
                used += 1
            sums[theme] += amount
        for at in range(used):
            theme = touched[at]
            amount = sums[theme]
            sums[theme], seen[theme] = 0.0, False
            total[row] += amount
            if amount <= 0.0:
                continue
            in_favour[row] += amount
            if not themes.told[theme]:
                continue
            place = counts[row]  # kept sorted, the largest first; of equals the first seen
            if place == LEADING:
                if amount <= amounts[row, place - 1]:
                    continue
                place -= 1
            else:
                counts[row] += 1
            while place > 0 and amounts[row, place - 1] < amount:
                amounts[row, place], places[row, place] = amounts[row, place - 1], places[row, place - 1]
                place -= 1
            amounts[row, place], places[row, place] = amount, theme
    return counts, places, amounts, in_favour, total
