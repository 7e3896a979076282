"""From probabilities to a level, and when a person must look."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from severity.policy import Policy, levels_of
from severity.tables import BUILT_IN, TableError

POLICY = Policy.load()
SURE: dict[str, Any] = {"plausible": 1, "top_probability": 0.9, "model_level": 2, "floor": None}


def write(path: Path, old: str = "", new: str = "") -> Path:
    text = (BUILT_IN / "policy.toml").read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return path


def test_the_most_probable_level_is_published_and_the_gravest_of_equals() -> None:
    probabilities = np.array([[0.1, 0.5, 0.2, 0.1, 0.1], [0.4, 0.1, 0.0, 0.1, 0.4], [0.2, 0.2, 0.2, 0.2, 0.2]])
    assert levels_of(probabilities, POLICY.worth).tolist() == [2, 5, 5]
    assert levels_of(np.empty((0, 5)), POLICY.worth).tolist() == []


def test_a_cost_table_can_publish_a_graver_level_than_the_most_probable(tmp_path: Path) -> None:
    cost = "[[0,1,1,1,1],[1,0,1,1,1],[1,1,0,1,1],[1,1,1,0,1],[9,9,9,9,0]]"
    policy = Policy.load(write(tmp_path / "p.toml", 'level = "most-probable"', f'level = "least-cost"\ncost = {cost}'))
    probabilities = np.array([[0.0, 0.7, 0.0, 0.0, 0.3], [0.0, 0.95, 0.0, 0.0, 0.05]])
    assert levels_of(probabilities, policy.worth).tolist() == [5, 2]


def test_a_sure_model_needs_no_person() -> None:
    assert not POLICY.needs_person(**SURE)
    assert not POLICY.needs_person(**SURE | {"floor": 3})


@pytest.mark.parametrize(
    "change",
    [{"plausible": 0}, {"plausible": 3}, {"top_probability": 0.49}, {"floor": 4}],
    ids=["no plausible level", "too many plausible levels", "no level probable", "rule and model far apart"],
)
def test_a_person_must_look_when(change: dict[str, Any]) -> None:
    assert POLICY.needs_person(**SURE | change)


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    assert Policy.load(write(tmp_path / "a.toml")).version == POLICY.version
    assert Policy.load(write(tmp_path / "b.toml", "0.5", "0.6")).version != POLICY.version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('level = "most-probable"', 'level = "least-cost"'),
        ('level = "most-probable"', 'level = "most-probable"\ncost = [[0]]'),
        ('level = "most-probable"', 'level = "highest"'),
        ("top_probability = 0.5", "top_probability = 5"),
        ("floor_gap = 2", "gap = 2"),
        ("[triage]", "[triage"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(TableError, match="bad"):
        Policy.load(write(tmp_path / "bad.toml", old, new))
