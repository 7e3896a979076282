"""A fitted model as flat arrays: what scores reports in the stream. Needs neither scikit-learn nor pandas."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from severity.credit import PAST, UNSAID, Themes, credit, lead, themes_of
from severity.encoders import LEVELS, encode
from severity.facts import NUMBERS, Gate
from severity.forest import Forest
from severity.forest_kernel import Trees, kernel, score_row
from severity.history import entities, write_columns
from severity.laps import Lap, untimed
from severity.learned import COLUMNS, ENCODED, HISTORY, LINEAR_SHARE, Learned
from severity.pairs import linear_scores
from severity.policy import Material
from severity.reasons import Leading, Theme
from severity.terms import UNKNOWN, Terms, Tokens, TokenWriter, expand

SEVERAL: Final = frozenset({"circumstance", "weapons", "agency_weapons", "injuries"})  # inputs credited value by value
NUMBER_INPUTS: Final = tuple(name.partition(":")[0] for name in NUMBERS)
SHOWN: Final = frozenset(
    NUMBERS.index(name)
    for name in ("time:minute", "filing_delay:days", "victims:count", "suspects:count", "circumstances:count")
)  # numbers shown as their input's value
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


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Scores reports one way, everywhere: made by `SeverityModel.compile`, safe to pickle and to share by threads."""

    gate: Gate
    vocabulary: dict[str, int]
    names: list[tuple[str, str]]  # input and code of each token
    learned: Learned
    forest: Forest
    themes: list[Theme] = field(init=False)
    theme_places: Themes = field(init=False)
    baselines: NDArray[np.float64] = field(init=False)  # (5,) what the contributions to each raw score start from

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", _fixed(self.learned))
        themes, places = themes_of(self.names, NUMBER_INPUTS)
        object.__setattr__(self, "themes", themes)
        object.__setattr__(self, "theme_places", places)
        linear = LINEAR_SHARE * self.learned.intercept
        object.__setattr__(self, "baselines", (1 - LINEAR_SHARE) * self.forest.baseline + linear)

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: unpickled arrays may be unaligned, another type to numba, compiled anew.
        return Scorer, tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def score(self, reports: Sequence[CrimeReport], lap: Lap = untimed) -> "Scores":
        """Raw scores and probabilities of n reports, in their order. Laps: features, forest."""
        tokens, numbers, _ = TokenWriter(self.vocabulary).write(map(self.gate.facts, reports))
        lap("features")
        numbers = numbers.reshape(-1, ENCODED)
        terms, X, leaves, raw, probabilities = _score(tokens, numbers, self.learned, self.forest.trees)
        lap("forest")
        return Scores(raw, probabilities, X, leaves, self, tokens, terms)

    def warm_up(self, reports: Sequence[CrimeReport]) -> None:
        """Compile every function (or load it from numba's cache) by scoring and explaining a few reports."""
        for scores in (self.score(reports), self.score(reports[:1])):
            scores.leading(np.ones(len(scores.raw), np.int64), Material(material_share=0.0, material_log_odds=0.0))
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

    def leading(self, levels: NDArray[np.int64], material: Material) -> tuple[NDArray[np.float64], list[Leading]]:
        """For each report what its raw score of one level, of `levels` (n,), starts from, and what leads to it.

        As `severity.reasons.leading` would say of `explain`, for a whole batch at once.
        """
        scorer, outputs = self.scorer, levels - 1
        leads = lead(
            scorer.forest.trees,
            self.leaves,
            self.tokens,
            self.terms,
            outputs,
            scorer.learned,
            scorer.theme_places,
            material.material_share,
            material.material_log_odds,
        )
        themes = scorer.themes
        told = [*zip([themes[place] for place in leads.places.tolist()], leads.amounts.tolist(), strict=True)]
        starts = leads.starts.tolist()
        rows = [told[start:end] for start, end in pairwise(starts)]
        return scorer.baselines[outputs], [*map(Leading, rows, leads.totals.tolist())]

    def explain(self, i: int, level: int) -> Explanation:
        """Take the raw score of `level` (1 to 5) of report `i` apart, by input (see `severity.credit`)."""
        scorer, output = self.scorer, level - 1
        start, end = int(self.tokens.starts[i]), int(self.tokens.starts[i + 1])
        by_token, by_number, past, unsaid = credit(
            scorer.forest.trees, self.leaves[i], self.terms, i, output, end - start, scorer.learned
        )
        found: dict[tuple[str, str | float | None], float] = {(PAST, None): past, (UNSAID, None): unsaid}
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
            float(scorer.baselines[output]),
            [
                Contribution(name, value if name in SEVERAL else shown.get(name), amount)
                for (name, value), amount in found.items()
                if amount != 0.0
            ],
        )


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


@kernel
def softmax(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (n, 5) of raw scores (n, 5)."""
    odds = np.empty(raw.shape)
    for row in range(raw.shape[0]):
        odds[row] = np.exp(raw[row] - raw[row].max())
        odds[row] /= odds[row].sum()
    return odds


# numba keeps compiled code by the file a function stands in, and does not see that a kernel it calls from another file
# has changed: after such a change remove severity/__pycache__/*.nb*.
@kernel
def _score(
    tokens: Tokens, numbers: NDArray[np.float64], learned: Learned, trees: Trees
) -> tuple[Terms, NDArray[np.float64], NDArray[np.uint32], NDArray[np.float64], NDArray[np.float64]]:
    """Terms, columns (n, COLUMNS), leaves (n, trees), raw scores (n, 5) and probabilities (n, 5) of n reports."""
    n = tokens.sides.shape[0]
    terms = expand(tokens, learned.term_index)
    X = np.empty((n, COLUMNS))
    X[:, :ENCODED] = numbers
    encode(terms, learned.shares, np.zeros(n, np.int64), X[:, ENCODED:HISTORY])
    seen = entities(tokens, learned.term_index.kinds)
    write_columns(learned.snapshot, seen, np.arange(n), X[:, HISTORY:])
    forest, leaves, cells = (
        np.empty((n, LEVELS)),
        np.empty((n, trees.roots.shape[0]), np.uint32),
        np.empty(2 * COLUMNS + 1),
    )
    for row in range(n):
        score_row(trees, X[row], cells, leaves[row], forest[row])
    linear = linear_scores(terms, learned.typical, learned.weights, learned.intercept)
    raw = (1 - LINEAR_SHARE) * forest + LINEAR_SHARE * linear
    return terms, X, leaves, raw, softmax(raw)
