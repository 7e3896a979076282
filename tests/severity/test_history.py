"""History is what was known before a day, never after it."""

import numpy as np
import pytest

from severity import history
from severity.terms import DISTRICT, OTHER, PLACE, Tokens

RNG = np.random.default_rng(7)
N, TOKENS = 400, 12
DAYS = np.sort(RNG.integers(738000, 738100, N))
KNOWN = DAYS + RNG.integers(0, 40, N)
LEVELS = RNG.integers(0, 5, N)
IDS = RNG.integers(-1, TOKENS, (N, 3))


def columns(snapshot: history.Snapshot, ids: np.ndarray) -> np.ndarray:
    out = np.empty((len(ids), history.COLUMNS))
    history.write_columns(snapshot, ids, np.arange(len(ids)), out)
    return out


def test_each_training_row_sees_the_snapshot_of_its_own_day() -> None:
    trained = history.training_columns(IDS, DAYS, KNOWN, LEVELS, TOKENS)
    for row in range(0, N, 23):
        snapshot = history.take_snapshot(IDS, KNOWN, LEVELS, int(DAYS[row]), TOKENS)
        np.testing.assert_allclose(trained[row], columns(snapshot, IDS[row : row + 1])[0])


@pytest.mark.parametrize("row", [0, 150, 399])
def test_labels_known_on_a_rows_day_or_later_do_not_reach_it(row: int) -> None:
    changed = np.where(DAYS[row] > KNOWN, LEVELS, 4 - LEVELS)
    before = history.training_columns(IDS, DAYS, KNOWN, LEVELS, TOKENS)[row]
    after = history.training_columns(IDS, DAYS, KNOWN, changed, TOKENS)[row]
    np.testing.assert_array_equal(before, after)


def test_windows_forget_what_is_older_and_a_token_without_history_is_average() -> None:
    ids = np.array([[0, -1, -1], [0, -1, -1]])
    snapshot = history.take_snapshot(ids, np.array([738000, 738090]), np.array([4, 0]), 738100, 3)
    assert snapshot.counts[:, 0].sum(axis=1).tolist() == [1, 1, 2]
    unknown, quiet = columns(snapshot, np.array([[-1, -1, -1], [2, -1, -1]]))
    np.testing.assert_array_equal(unknown, quiet)
    assert not unknown[::2].any()


def test_an_entity_is_a_reports_first_known_token_of_its_kind() -> None:
    tokens = Tokens(np.array([-1, 1, 2, 0]), np.array([0, 4]), np.array([3]), np.array([3]))
    found = history.entities(tokens, np.array([DISTRICT, PLACE, PLACE]))
    assert found.tolist() == [[0, 1, OTHER]]
