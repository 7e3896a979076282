"""To whom a raw score is credited: tokens, numbers, history; and which themes of a report lead to it.

The forest's part is credited along the trees' paths (see `Forest.attribute`), a column of encoded terms on to the
tokens behind it (see `encoders.encoded_credit`), a pair's weight in halves to its two tokens.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from severity.encoders import encoded_credit
from severity.forest_kernel import Trees, attribute_row, kernel
from severity.learned import COLUMNS, ENCODED, HISTORY, LINEAR_SHARE, Learned
from severity.pairs import linear_credit, term_scale
from severity.reasons import Theme, may_be_told, theme_of
from severity.terms import UNKNOWN, Terms, Tokens

LEADING: Final = 16  # themes of a report that are handed on as possible reasons, where a handful is told
PAST: Final = "history"
UNSAID: Final = "unsaid"


class Themes(NamedTuple):
    """What each token and each number is told as, by the themes' places in a list."""

    of_token: NDArray[np.int64]  # (vocabulary,)
    of_number: NDArray[np.int64]  # (numbers,)
    of_history: int
    of_unsaid: int
    told: NDArray[np.bool_]  # (themes,) whether it may be told at all


class Credit(NamedTuple):
    """Contributions to one raw score of a report."""

    tokens: NDArray[np.float64]
    numbers: NDArray[np.float64]
    history: float
    unsaid: float  # of families of which the report has no term


class Leads(NamedTuple):
    """Leading themes of n reports. Row i's are `places[starts[i]:starts[i + 1]]`, the largest amount first."""

    places: NDArray[np.int64]
    amounts: NDArray[np.float64]
    starts: NDArray[np.int64]  # (n + 1,)
    totals: NDArray[np.float64]  # (n,) sum of all contributions


def themes_of(names: Sequence[tuple[str, str]], numbers: Sequence[str]) -> tuple[list[Theme], Themes]:
    """The themes of a vocabulary. names: input and code of each token; numbers: the input of each number."""
    places: dict[Theme, int] = {}
    of_token = [places.setdefault(theme_of(name, code), len(places)) for name, code in names]
    of_number = [places.setdefault(theme_of(name, None), len(places)) for name in numbers]
    past, unsaid = (places.setdefault(theme_of(name, None), len(places)) for name in (PAST, UNSAID))
    told = np.array([may_be_told(theme) for theme in places])
    return list(places), Themes(np.array(of_token, np.int64), np.array(of_number, np.int64), past, unsaid, told)


# See the warning in `severity.scorer` about kernels that stand in other files.
@kernel
def credit(
    trees: Trees, leaves: NDArray[np.uint32], terms: Terms, row: int, output: int, n_tokens: int, learned: Learned
) -> Credit:
    """Take raw score `output` of report `row` apart. leaves: (trees,) where the report's row ended in each tree."""
    columns = np.empty(COLUMNS)
    attribute_row(trees, leaves, output, columns)
    columns *= 1 - LINEAR_SHARE
    tokens = np.zeros(n_tokens)
    encoded_credit(terms, learned.shares, row, columns[ENCODED:HISTORY], tokens)
    unsaid = columns[ENCODED:HISTORY].sum() - tokens.sum()
    scale = LINEAR_SHARE * term_scale(terms, row, learned.typical)
    linear_credit(terms, row, scale, learned.weights, output, tokens)
    return Credit(tokens, columns[:ENCODED], columns[HISTORY:].sum(), unsaid)


@kernel
def lead(
    trees: Trees,
    leaves: NDArray[np.uint32],
    tokens: Tokens,
    terms: Terms,
    outputs: NDArray[np.int64],
    learned: Learned,
    themes: Themes,
    share: float,
    log_odds: float,
) -> Leads:
    """What leads to one raw score, `outputs` (n,), of each report, as `severity.reasons.leading` defines it.

    share, log_odds: of `policy.Material`.
    """
    n = outputs.shape[0]
    places, amounts = np.empty(n * LEADING, np.int64), np.empty(n * LEADING)
    starts, totals = np.zeros(n + 1, np.int64), np.zeros(n)
    sums, met = np.zeros(themes.told.shape[0]), np.empty(themes.told.shape[0], np.int64)
    is_met = np.zeros(themes.told.shape[0], np.bool_)
    for row in range(n):
        first = tokens.starts[row]
        parts = credit(trees, leaves[row], terms, row, outputs[row], tokens.starts[row + 1] - first, learned)
        size, numbers = parts.tokens.shape[0], parts.numbers.shape[0]
        many = 0
        for at in range(size + numbers + 2):
            if at < size:
                if tokens.ids[first + at] == UNKNOWN:
                    continue
                theme, amount = themes.of_token[tokens.ids[first + at]], parts.tokens[at]
            elif at < size + numbers:
                theme, amount = themes.of_number[at - size], parts.numbers[at - size]
            elif at == size + numbers:
                theme, amount = themes.of_history, parts.history
            else:
                theme, amount = themes.of_unsaid, parts.unsaid
            if not is_met[theme]:
                is_met[theme] = True
                met[many] = theme
                many += 1
            sums[theme] += amount
        start = end = starts[row]
        in_favour = 0.0
        for theme in met[:many]:
            amount = sums[theme]
            sums[theme], is_met[theme] = 0.0, False
            totals[row] += amount
            in_favour += max(amount, 0.0)
            if amount <= 0.0 or not themes.told[theme]:
                continue
            at = end  # kept sorted, the largest first; of equals the one met first
            if end - start < LEADING:
                end += 1
            else:
                at -= 1
                if amounts[at] >= amount:
                    continue
            while at > start and amounts[at - 1] < amount:
                amounts[at], places[at] = amounts[at - 1], places[at - 1]
                at -= 1
            amounts[at], places[at] = amount, theme
        least = max(share * in_favour, log_odds)
        while end > start and amounts[end - 1] < least:
            end -= 1
        starts[row + 1] = end
    return Leads(places[: starts[n]], amounts[: starts[n]], starts, totals)
