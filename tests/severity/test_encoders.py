"""Encodings are learned from other folds' labels, and their contributions reach the tokens behind them."""

import numpy as np

from severity import encoders
from severity.facts import Facts
from severity.terms import CIRCUMSTANCE, TokenWriter, expand, kinds_of, learn_terms


def encoded(codes: list[str], levels: list[int], folds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write([Facts([f"circumstance:a/{code}"], [], [], (), 0) for code in codes])
    index = learn_terms(tokens, kinds_of(writer.vocabulary), least=1)
    terms = expand(tokens, index)
    fold = np.array(folds)
    y = np.array(levels) - 1
    whole, apart = encoders.learn_shares([(slice(None), terms)], index, y, np.ones(len(y)), fold)
    trained, scored = np.empty((len(y), encoders.COLUMNS)), np.empty((len(y), encoders.COLUMNS))
    encoders.encode(terms, apart, fold, trained)
    encoders.encode(terms, whole, np.zeros(len(y), dtype=np.int64), scored)
    return trained, scored


def test_a_training_rows_own_label_does_not_reach_its_columns() -> None:
    codes, folds = ["x", "x", "y", "y"] * 5, [0, 1, 2, 3] * 5
    levels = [5, 1, 3, 2] * 5
    changed = [1 if fold == 0 else level for level, fold in zip(levels, folds, strict=True)]
    before, _ = encoded(codes, levels, folds)
    after, _ = encoded(codes, changed, folds)
    most = encoders.LEVELS * 10  # the greatest share of the circumstances, whose strength does not hide it
    own = np.array(folds) == 0
    x = np.array(codes) == "x"
    counts = slice(most, most + 5)
    # Rows of the fold whose labels changed see only the mean of all change, rows of the other folds the term's, too.
    assert np.abs(before - after)[own][:, counts].max() < np.abs(before - after)[x & ~own][:, counts].max()


def test_scoring_shares_are_counts_drawn_towards_the_mean() -> None:
    _, scored = encoded(["x", "x", "y", "y"], [5, 5, 1, 1], [0, 1, 2, 3])
    prior = (np.array([2, 0, 0, 0, 2]) + 0.1) / 4.5
    share = (np.array([0, 0, 0, 0, 2]) + 5.0 * prior) / 7.0
    sums = slice(CIRCUMSTANCE * 5, CIRCUMSTANCE * 5 + 5)
    np.testing.assert_allclose(scored[0, sums], np.log(share / prior))
    np.testing.assert_allclose(scored[0, 50:55], share)


def test_a_report_without_terms_has_neutral_columns() -> None:
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write([Facts([], [], [], (), 0), Facts(["weapons:12"], [], [], (), 0)])
    index = learn_terms(tokens, kinds_of(writer.vocabulary), least=1)
    terms = expand(tokens, index)
    whole, _ = encoders.learn_shares([(slice(None), terms)], index, np.array([0, 4]), np.ones(2), np.array([0, 1]))
    out = np.empty((2, encoders.COLUMNS))
    encoders.encode(terms, whole, np.zeros(2, dtype=np.int64), out)
    assert not out[0].any()
    assert out[1].any()
