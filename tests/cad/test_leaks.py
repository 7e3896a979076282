"""Final offence code, status and victim attributes never reach a report; a planted leak is caught."""

import csv
import gzip
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from cad.city import Row
from cad.lapd import REPORT_COLUMNS, lapd
from cad.leaks import find_leaks
from schemas.crime_report import CrimeReport
from tests.cad.rows import CHILD, HEADER, ROBBERY, THEFT

ROWS = [ROBBERY, THEFT, CHILD]

NEVER = {
    "Part 1-2", "Crm Cd", "Crm Cd Desc", "Crm Cd 1", "Crm Cd 2", "Crm Cd 3", "Crm Cd 4", "Status", "Status Desc",
    "Vict Age", "Vict Sex", "Vict Descent", "LOCATION", "Cross Street",
}  # fmt: skip


def test_no_forbidden_column_is_shown_to_the_report() -> None:
    assert set(HEADER) >= NEVER
    assert not NEVER & set(REPORT_COLUMNS)


def test_reports_do_not_change_with_what_is_known_later_or_about_the_victim() -> None:
    assert find_leaks(lapd(), ROWS) == []


def leak_offence(row: Row) -> CrimeReport:
    return lapd().report_of(row).model_copy(update={"offence_code": row["Crm Cd"]})


def leak_victim(row: Row) -> CrimeReport:
    report = lapd().report_of(row)
    young = row["Vict Age"].isdigit() and 0 < int(row["Vict Age"]) < 18
    return report.model_copy(update={"flags": report.flags.model_copy(update={"child": young})})


def leak_status_in_a_rare_case(row: Row) -> CrimeReport:
    report = lapd().report_of(row)
    return report.model_copy(update={"victims": 2}) if row["Status"] == "JO" else report


@pytest.mark.parametrize(
    ("mapper", "column"),
    [(leak_offence, "Crm Cd"), (leak_victim, "Vict Age"), (leak_status_in_a_rare_case, "Status")],
)
def test_a_planted_leak_is_caught_and_its_column_named(mapper: type[CrimeReport], column: str) -> None:
    assert [leak.column for leak in find_leaks(lapd(), ROWS, mapper)] == [column]


def test_a_mapper_of_a_city_cannot_see_the_columns_that_are_taken_away() -> None:
    def curious(row: Row) -> CrimeReport:
        return leak_offence(row)

    with pytest.raises(KeyError, match="Crm Cd"):
        replace(lapd(), report=curious).report_of(ROBBERY)


def test_an_outcome_column_that_a_city_shows_to_its_reports_is_caught_once_it_is_used() -> None:
    def careless(row: Row) -> CrimeReport:
        return lapd().report_of(row).model_copy(update={"initial_priority": row["Status"]})

    city = replace(lapd(), report_columns=(*REPORT_COLUMNS, "Status"), report=careless)
    assert [leak.column for leak in find_leaks(city, ROWS)] == ["Status"]


@pytest.mark.data
def test_real_rows_do_not_leak(lapd_file: Path) -> None:
    with gzip.open(lapd_file, "rt", encoding="utf-8") as text:
        rows = list(islice(csv.DictReader(text), 0, 3000, 75))
    assert find_leaks(lapd(), rows) == []
