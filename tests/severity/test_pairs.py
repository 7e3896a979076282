"""The regression over pairs finds what no single fact tells."""

import numpy as np

from severity.facts import Facts
from severity.pairs import fit_pairs, linear_credit, linear_scores, term_scale
from severity.terms import Terms, TokenWriter, expand, kinds_of, learn_terms

ROWS = [Facts([f"weapons:{a}", f"circumstance:s/{b}"], [], [], (), 0) for a in "pq" for b in "xy"] * 60
LEVELS = np.array([0, 4, 4, 0] * 60)  # the exclusive or of both


def terms_of_rows() -> tuple[Terms, int]:
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write(ROWS)
    index = learn_terms(tokens, kinds_of(writer.vocabulary), least=2)
    return expand(tokens, index), len(index.families)


def test_an_exclusive_or_of_two_facts_is_learned_from_their_pairs() -> None:
    terms, size = terms_of_rows()
    model = fit_pairs(terms, size, 3.0, LEVELS, np.ones(len(LEVELS)))
    raw = linear_scores(terms, 3.0, np.ascontiguousarray(model.coef_.T), model.intercept_)
    assert (raw.argmax(axis=1) == LEVELS).all()


def test_scores_are_scikit_learns_and_credits_add_up_to_them() -> None:
    terms, size = terms_of_rows()
    model = fit_pairs(terms, size, 2.0, LEVELS, np.ones(len(LEVELS)))
    weights = np.ascontiguousarray(model.coef_.T)
    scale = [term_scale(terms, row, 2.0) for row in range(4)]
    X = np.zeros((4, size))
    for row in range(4):
        X[row, terms.ids[terms.starts[row] : terms.starts[row + 1]]] = scale[row]
    raw = linear_scores(terms, 2.0, weights, model.intercept_)
    np.testing.assert_allclose(raw[:4], model.decision_function(X))
    for row in range(4):
        tokens = np.zeros(2)
        linear_credit(terms, row, scale[row], weights, 4, tokens)
        assert abs(model.intercept_[4] + tokens.sum() - raw[row, 4]) < 1e-12


def test_a_level_that_no_report_has_stays_improbable_and_finite() -> None:
    terms, size = terms_of_rows()
    model = fit_pairs(terms, size, 3.0, LEVELS, np.ones(len(LEVELS)))
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert np.isfinite(model.intercept_).all()
    assert model.intercept_[2] < model.intercept_[[0, 4]].min() - 2


def test_a_report_with_many_terms_is_damped() -> None:
    ids = np.zeros(10, dtype=np.int64)
    terms = Terms(ids, np.array([0, 2, 10]), ids, ids)
    assert [term_scale(terms, row, 2.0) for row in range(2)] == [1.0, 0.5]
