"""Promises of bench.gate: what it does to a day, and what it takes for right."""

from collections import Counter
from functools import cache

import pytest

from bench.gate import AGENCIES, OFFENCES, Day, Trial, city, flipped, flooded
from schemas.solved_case import Offence
from severity.levels import LevelTable


@cache
def days() -> list[Day]:
    """Twenty days of three agencies, a tenth of their reports graded."""
    return city(seed=1, days=20, per_day=60, audit=0.1)


def test_an_outcome_comes_on_the_day_on_which_it_becomes_known_and_not_before_its_report() -> None:
    filed = {(one.agency_id, one.report_id): day for day, part in enumerate(days()) for one in part.reports}
    waited = [day - filed[one.agency_id, one.report_id] for day, part in enumerate(days()) for one in part.outcomes]
    assert min(waited) >= 0
    assert max(waited) > 7
    assert {one.agency_id for part in days() for one in part.outcomes} == set(AGENCIES)


def test_labels_are_turned_into_offences_of_each_level() -> None:
    level = LevelTable.load().level
    assert [level((Offence(nibrs_code=code),), "northfield") for code in OFFENCES] == [1, 2, 3, 4, 5]


def test_three_tenths_of_one_agencys_labels_are_turned_into_others_and_no_other_label_is() -> None:
    whole = Day(*([one for part in days() for one in getattr(part, name)] for name in Day._fields))
    after = flipped(whole, "northfield", seed=2)
    level = LevelTable.load().level
    changed = [
        (old.agency_id, level(old.offences, old.agency_id) != level(new.offences, new.agency_id))
        for old, new in zip(whole.outcomes, after.outcomes, strict=True)
    ]
    counts = Counter(changed)
    assert {agency for agency, other in counts if other} == {"northfield"}
    share = counts["northfield", True] / (counts["northfield", True] + counts["northfield", False])
    assert share == pytest.approx(0.3, abs=0.1)


def test_a_flood_is_one_report_under_other_numbers_each_with_an_outcome() -> None:
    day = days()[-1]
    after = flooded(day)
    new = after.reports[len(day.reports) :]
    assert len(new) == len(after.outcomes) - len(day.outcomes) == round(len(day.outcomes) / 4) > 0
    assert len({one.report_id for one in new}) == len(new)
    assert len({one.model_copy(update={"report_id": "same"}).model_dump_json() for one in new}) == 1
    assert {one.report_id for one in new} == {one.report_id for one in after.outcomes[len(day.outcomes) :]}


@pytest.mark.parametrize(
    ("kind", "promoted", "named", "right"),
    [
        ("clean", True, False, True),
        ("clean", False, False, False),
        ("flipped", False, True, True),
        ("flipped", False, False, False),
        ("flood", True, True, False),
    ],
)
def test_right_is_to_let_a_clean_day_in_and_to_name_what_was_done_to_another(
    kind: str, promoted: bool, named: bool, right: bool
) -> None:
    assert Trial(1, kind, 1000, 50, promoted, named, "").right is right
