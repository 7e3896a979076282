"""Levels of two releases, compared."""

from tests.trainer.city import solved_cases
from trainer.judging.difference import difference


def test_it_counts_what_goes_up_and_down_over_all_and_by_group() -> None:
    reports, _ = solved_cases(6)
    place = reports[0].location
    reports = [
        report.model_copy(update={"location": place.model_copy(update={"area": area, "place_type": None,
                                                                       "agency_place_type": None})})
        for report, area in zip(reports, ["a", "a", "a", "b", "b", None], strict=True)
    ]  # fmt: skip
    found = difference(reports, before=[1, 5, 3, 2, 2, 4], after=[5, 4, 3, 2, 1, 5])
    total = found.total
    assert (total.reports, total.changed, total.up, total.down) == (6, 4, 2, 2)
    assert (total.to_gravest, total.from_gravest) == (2, 1)
    agency = reports[0].agency_id
    areas = {name: (one.reports, one.up, one.down) for name, one in found.groups["area"].items()}
    assert areas == {f"{agency}/a": (3, 1, 1), f"{agency}/b": (2, 0, 1), "unknown": (1, 1, 0)}
    assert next(iter(areas)) == f"{agency}/a", "the largest first"
    assert found.groups["place type"]["unknown"].reports == 6
    assert found.moves == {(1, 5): 1, (2, 1): 1, (4, 5): 1, (5, 4): 1}
    assert sum(one.reports for one in found.groups["source"].values()) == 6


def test_of_no_reports_there_is_no_share() -> None:
    assert difference([], [], []).total.share == 0.0
