"""A published file: whatever stands in it, every row is accounted for and nothing stops."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cad import lapd
from cad.filings import NAMED, CityFileError
from severity.levels import LevelTable
from tests.cad.rows import HEADER, ROBBERY, THEFT, write

BAD = [
    ({"DR_NO": "x12"}, "bad-report-number"),
    ({"Date Rptd": "2023-13-45"}, "bad-date"),
    ({"DATE OCC": ""}, "bad-date"),
    ({"TIME OCC": "2460"}, "bad-time"),
    ({"TIME OCC": "noon"}, "bad-time"),
    ({"LAT": "north"}, "bad-coordinates"),
    ({"LAT": "340443"}, "contract"),
    ({"Crm Cd": ""}, "no-offence"),
    ({"Mocodes": "0344 \ufffd"}, "undecodable"),
    ({"DR_NO": ROBBERY["DR_NO"]}, "duplicate"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD, ids=[f"{reason}-{next(iter(changes))}" for changes, reason in BAD])
def test_a_bad_row_is_counted_and_named_and_the_others_are_read(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    bad = ROBBERY | {"DR_NO": "230109999"} | changes
    filings = lapd.read(write(tmp_path / "lapd.csv", [ROBBERY, bad, THEFT]))
    assert [case.report.report_id for case in filings] == ["230100002", "230100001"]
    account = filings.account
    assert account.skipped == {reason: 1}
    assert account.rows == 3 == account.reports + account.skipped.total()
    assert (account.problems[0].report_id, account.problems[0].reason) == (bad["DR_NO"], reason)
    assert account.problems[0].line == 3


def test_an_offence_without_a_level_is_counted_and_named_and_its_report_is_still_filed(tmp_path: Path) -> None:
    filings = lapd.read(write(tmp_path / "lapd.csv", [ROBBERY | {"Crm Cd": "007"}, THEFT]), LevelTable.load())
    levels = [case.outcome.level for case in filings]
    assert levels == [1, None]
    assert (filings.account.reports, filings.account.unlabelled) == (2, 1)
    assert filings.account.by_reason() == {"no-level": 1}
    assert "007" in filings.account.problems[0].detail


def test_rows_of_another_width_are_skipped_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "lapd.csv", [ROBBERY, THEFT])
    path.write_text(path.read_text() + "\n230100005,too,short\n", encoding="utf-8")
    filings = lapd.read(path)
    assert len(list(filings)) == 2
    assert filings.account.skipped == {"wrong-width": 1}


def test_a_download_that_broke_off_gives_what_it_holds(tmp_path: Path) -> None:
    path = write(tmp_path / "lapd.csv.gz", [ROBBERY | {"DR_NO": str(230200000 + i)} for i in range(5_000)])
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    filings = lapd.read(path)
    read = len(list(filings))
    assert 0 < read < 5_000
    assert filings.account.skipped["file-broken-off"] == 1


def test_a_file_of_another_kind_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("id,offense\n1,theft\n", encoding="utf-8")
    with pytest.raises(CityFileError, match="DR_NO"):
        lapd.read(path)
    path.write_bytes(gzip.compress(b"")[:4])
    with pytest.raises(CityFileError):
        lapd.read(path)


def test_the_account_is_the_same_each_time_the_cases_are_gone_through(tmp_path: Path) -> None:
    rows = [ROBBERY, THEFT, THEFT | {"DR_NO": "9", "LAT": "x"}, THEFT | {"DR_NO": ""}]
    filings = lapd.read(write(tmp_path / "lapd.csv", rows))
    first = (list(filings), filings.account.copy())
    assert first == (list(filings), filings.account)
    assert filings.account.skipped == {"bad-coordinates": 1, "bad-report-number": 1}


def test_all_bad_rows_are_counted_though_only_the_first_are_named(tmp_path: Path) -> None:
    filings = lapd.read(write(tmp_path / "lapd.csv", [ROBBERY | {"DR_NO": "?"}] * (NAMED + 50)))
    assert list(filings) == []
    assert filings.account.skipped.total() == NAMED + 50
    assert len(filings.account.problems) == NAMED


@given(st.lists(st.lists(st.text(max_size=12), max_size=30), max_size=8), st.binary(max_size=60))
def test_no_content_stops_the_reader(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "lapd.csv"
    with path.open("w", newline="", encoding="utf-8", errors="replace") as text:
        csv.writer(text).writerows([HEADER, *rows])
    path.write_bytes(path.read_bytes() + tail)
    filings = lapd.read(path)
    list(filings)
    assert filings.account.rows == filings.account.reports + filings.account.skipped.total()
