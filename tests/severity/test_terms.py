"""Tokens and pairs become numbers, once for training and scoring."""

import numpy as np

from severity.facts import Facts
from severity.terms import CORE_PAIR, PAIRED, SIDE_PAIR, UNKNOWN, TokenWriter, expand, kinds_of, learn_terms


def facts(core: list[str], side: list[str], single: list[str]) -> Facts:
    return Facts(core, side, single, (0.0, 1.0), 738000)


ROWS = [
    facts(["circumstance:a/x", "weapons:12"], ["area:a/1"], ["district:a/9"]),
    facts(["circumstance:a/x", "weapons:12"], ["area:a/2"], []),
    facts(["circumstance:a/y", "weapons:12"], ["area:a/1"], ["first_circumstance:a/y"]),
]


def test_pairs_that_enough_reports_have_become_terms_with_their_family() -> None:
    writer = TokenWriter({}, grow=True)
    tokens, numbers, days = writer.write(ROWS)
    index = learn_terms(tokens, kinds_of(writer.vocabulary), least=2)
    v = len(writer.vocabulary)
    # weapon with x in two reports, weapon with area 1 in two; all others once
    assert sorted(index.families[v:, 0].tolist()) == sorted([CORE_PAIR, SIDE_PAIR])
    terms = expand(tokens, index)
    assert np.diff(terms.starts).tolist() == [4 + 2, 3 + 1, 4 + 1]
    assert numbers.shape == (3, 2)
    assert days.tolist() == [738000] * 3


def test_a_pair_belongs_to_its_two_tokens() -> None:
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write(ROWS)
    terms = expand(tokens, learn_terms(tokens, kinds_of(writer.vocabulary), least=2))
    pairs = {
        (int(a), int(b)) for a, b in zip(terms.first[: terms.starts[1]], terms.second[: terms.starts[1]], strict=True)
    }
    assert pairs == {(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (1, 2)}


def test_tokens_never_seen_in_training_are_left_out() -> None:
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write(ROWS)
    index = learn_terms(tokens, kinds_of(writer.vocabulary), least=1)
    fresh, _, _ = TokenWriter(writer.vocabulary).write([facts(["weapons:99", "weapons:12"], ["area:a/7"], [])])
    assert fresh.ids.tolist().count(UNKNOWN) == 2
    assert np.diff(expand(fresh, index).starts).tolist() == [1]


def test_a_padded_report_has_a_bounded_number_of_pairs() -> None:
    many = [f"circumstance:a/{i}" for i in range(64)]
    writer = TokenWriter({}, grow=True)
    tokens, _, _ = writer.write([facts(many, ["area:a/1"], [])] * 2)
    terms = expand(tokens, learn_terms(tokens, kinds_of(writer.vocabulary), least=2))
    assert np.diff(terms.starts).tolist() == [65 + PAIRED * (PAIRED - 1) // 2 + PAIRED] * 2
