"""Target encoding of sets: how the levels are shared among earlier reports that have a term, as columns of a forest.

A report has any number of terms of a family. For each level a column sums, over the family's terms, the logarithm of
the term's share of that level against the share of all reports; for families of many terms a second column holds the
greatest share. Training rows are encoded by shares that their own fold had no part in (as in scikit-learn's
`TargetEncoder`), else their labels would leak. Shares are drawn towards the mean of all (Micci-Barreca 2001).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from severity import terms as t
from severity.forest_kernel import kernel
from severity.terms import TermIndex, Terms

LEVELS: Final = 5
FOLDS: Final = 5

MOST: Final = np.array([t.CIRCUMSTANCE, t.CORE_PAIR, t.SIDE_PAIR, t.PLACE_CIRCUMSTANCE, t.WEAPON_CIRCUMSTANCE])
"""Families of many terms, which get columns of the greatest share, too."""

COLUMNS: Final = LEVELS * (t.FAMILIES + len(MOST))
MOST_AT: Final = np.full(t.FAMILIES, -1)
"""For each family where its columns of the greatest share start, or -1."""
MOST_AT[MOST] = LEVELS * (t.FAMILIES + np.arange(len(MOST)))
STRENGTH: Final = np.where(np.arange(t.FAMILIES + 1) >= t.CORE_PAIR, 2.0, 10.0)
"""Reports' worth of the mean mixed into a term's shares, by its first family; chosen by cross-validation over time."""
STRENGTH[t.CIRCUMSTANCE] = 5.0


class LevelShares(NamedTuple):
    """Learned shares, once for each fold left out (first axis); a table for scoring has one fold: none left out."""

    log_ratio: NDArray[np.float64]  # (folds, terms, 5) log(share / share of all reports)
    share: NDArray[np.float64]  # (folds, terms, 5)
    families: NDArray[np.int64]  # (terms, 2)


def learn_shares(
    parts: Iterable[tuple[slice, Terms]],
    index: TermIndex,
    levels: NDArray[np.int64],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
) -> tuple[LevelShares, LevelShares]:
    """Shares for scoring, and shares for the training rows themselves, by fold.

    parts: the terms of n reports, some reports at a time, and which these are. levels: (n,) 0 to 4. weights: (n,).
    folds: (n,) 0 to FOLDS - 1, the fold of each row.
    """
    counts = np.zeros((FOLDS, len(index.families), LEVELS))
    for rows, terms in parts:
        _count(terms, levels[rows], weights[rows], folds[rows], counts)
    whole = counts.sum(axis=0)
    prior = np.bincount(levels, weights=weights, minlength=LEVELS) + 0.1  # so that a level without reports has a share
    return (
        _shares(whole[np.newaxis], prior / prior.sum(), index.families),
        _shares(whole[np.newaxis] - counts, prior / prior.sum(), index.families),
    )


def _shares(counts: NDArray[np.float64], prior: NDArray[np.float64], families: NDArray[np.int64]) -> LevelShares:
    strength = STRENGTH[families[:, 0]][np.newaxis, :, np.newaxis]
    counts = np.maximum(counts, 0.0)  # differences of sums may be a rounding error below zero
    share = (counts + strength * prior) / (counts.sum(axis=2, keepdims=True) + strength)
    return LevelShares(np.log(share / prior), share, families)


@kernel
def _count(
    terms: Terms,
    levels: NDArray[np.int64],
    weights: NDArray[np.float64],
    folds: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> None:
    for row in range(levels.shape[0]):
        for at in range(terms.starts[row], terms.starts[row + 1]):
            counts[folds[row], terms.ids[at], levels[row]] += weights[row]


@kernel
def encode(terms: Terms, shares: LevelShares, folds: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Write the columns of n reports to `out` (n, COLUMNS), each row by the shares that its fold had no part in."""
    for row in range(folds.shape[0]):
        fold = folds[row]
        for column in range(out.shape[1]):
            out[row, column] = 0.0
        for at in range(terms.starts[row], terms.starts[row + 1]):
            term = terms.ids[at]
            for which in range(2):
                family = shares.families[term, which]
                if family < 0:
                    continue
                sums, most = family * LEVELS, MOST_AT[family]
                for level in range(LEVELS):
                    out[row, sums + level] += shares.log_ratio[fold, term, level]
                    if most >= 0 and shares.share[fold, term, level] > out[row, most + level]:
                        out[row, most + level] = shares.share[fold, term, level]


@kernel
def encoded_credit(
    terms: Terms, shares: LevelShares, row: int, contributions: NDArray[np.float64], tokens: NDArray[np.float64]
) -> None:
    """Share the `contributions` (COLUMNS,) of row `row`'s columns among its tokens, adding to `tokens` in place.

    A sum's is shared in proportion to how far each term moved it, a greatest share's goes to the term that has it, a
    pair's is halved between its tokens. Where a family has no term, its columns' contributions are credited to none.
    """
    moved = np.zeros(contributions.shape[0])  # sums of |log ratio|; of a greatest share, the share
    holder = np.full(contributions.shape[0], -1, dtype=np.int64)
    for at in range(terms.starts[row], terms.starts[row + 1]):
        term = terms.ids[at]
        for which in range(2):
            family = shares.families[term, which]
            if family < 0:
                continue
            for level in range(LEVELS):
                moved[family * LEVELS + level] += abs(shares.log_ratio[0, term, level])
                most = MOST_AT[family] + level
                if MOST_AT[family] >= 0 and shares.share[0, term, level] > moved[most]:
                    moved[most] = shares.share[0, term, level]
                    holder[most] = at
    for at in range(terms.starts[row], terms.starts[row + 1]):
        term = terms.ids[at]
        amount = 0.0
        for which in range(2):
            family = shares.families[term, which]
            if family < 0:
                continue
            for level in range(LEVELS):
                column = family * LEVELS + level
                if moved[column] > 0.0:
                    amount += contributions[column] * abs(shares.log_ratio[0, term, level]) / moved[column]
                most = MOST_AT[family] + level
                if MOST_AT[family] >= 0 and holder[most] == at:
                    amount += contributions[most]
        tokens[terms.first[at]] += amount / 2
        tokens[terms.second[at]] += amount / 2
