"""Toronto's rows as reports and outcomes."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cad.filings import Filings, read_filings
from cad.leaks import find_leaks
from cad.tables import table
from cad.toronto import OUTCOME_COLUMNS, REPORT_COLUMNS, toronto
from schemas.codes import PLACE_TYPES
from severity.levels import LevelTable

ROW = {
    "occurrencedate": "2014/03/02 05:00:00+00",
    "occurrencehour": "8",
    "premises_type": "House",
    "occurrencemonth": "March",
    "occurrencedayofweek": "Sunday    ",
    "MCI": "Robbery",
    "Neighbourhood": "West Humber-Clairville",
    "occurrenceday": "2",
    "occurrencedayofyear": "61",
    "Pub_Id": "0",
    "Park_Id": "0",
    "PS_Id": "0",
    "Lat": "43.73401277",
    "Long": "-79.59033164",
}


def read(tmp_path: Path, *rows: Mapping[str, str]) -> Filings:
    path = tmp_path / "toronto.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, [*ROW])
        writer.writeheader()
        writer.writerows(ROW | row for row in rows)
    return read_filings(toronto(), path, LevelTable.load())


def test_a_row_becomes_a_report_filed_at_the_end_of_its_day(tmp_path: Path) -> None:
    (case,) = read(tmp_path, {})
    report = case.report
    assert (report.agency_id, report.report_id) == ("toronto", "2")
    assert report.occurred_from == datetime(2014, 3, 2, 13, tzinfo=UTC)
    assert report.reported_at == datetime(2014, 3, 3, 4, 59, 59, tzinfo=UTC)
    assert (report.location.place_type, report.location.agency_place_type) == ("20", "House")
    assert report.location.district == "West Humber-Clairville"
    assert (report.location.latitude, report.location.longitude) == (43.73401277, -79.59033164)


def test_each_of_the_five_offences_has_its_level(tmp_path: Path) -> None:
    expected = {"Assault": 2, "Auto Theft": 2, "Break and Enter": 4, "Robbery": 5, "Theft Over": 2}
    found = read(tmp_path, *({"MCI": offence} for offence in expected))
    assert [case.final.level for case in found] == [*expected.values()]
    assert LevelTable.load().by_agency["toronto"] == expected


def test_reports_come_in_order_of_their_day_and_place_in_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, {}, {"occurrencedate": "2014/03/01 05:00:00+00"}, {})
    assert [case.report.report_id for case in found] == ["3", "2", "4"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"occurrencedate": "2013/12/24 05:00:00+00"}, "no-day-of-filing"),
        ({"occurrencedate": "March"}, "bad-date"),
        ({"occurrencehour": "24"}, "bad-time"),
        ({"Lat": "north"}, "bad-coordinates"),
        ({"MCI": ""}, "no-offence"),
        ({"MCI": "Piracy"}, "no-level"),
    ],
)
def test_a_row_of_no_use_is_counted_by_its_reason(tmp_path: Path, wrong: dict[str, str], reason: str) -> None:
    filings = read(tmp_path, {}, wrong)
    assert sum(case.final.level is not None for case in filings) == 1
    assert filings.account.by_reason() == {reason: 1}


def test_the_offence_never_changes_a_report() -> None:
    rows = [{"Line": str(n), **ROW, "MCI": offence} for n, offence in enumerate(["Robbery", "Assault", "Auto Theft"])]
    assert find_leaks(toronto(), rows) == []
    assert not set(OUTCOME_COLUMNS) & set(REPORT_COLUMNS)


def test_every_mapped_kind_of_place_is_a_nibrs_code() -> None:
    assert {row["nibrs"] for row in table("toronto_premises")} <= PLACE_TYPES.keys()
