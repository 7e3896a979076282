"""St. Louis' rows, an offence each and some taken back, as reports with a first outcome and later ones."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from cad.city import Case, Outcome, Revision
from cad.filings import CityFileError, Filings, read_filings
from cad.leaks import find_leaks
from cad.stlouis import stlouis
from cad.stlouis_rows import COLUMNS, OUTCOME_COLUMNS, REPORT_COLUMNS, records
from schemas.solved_case import Offence
from severity.levels import LevelTable

ROW = {
    "Complaint": "14-000001",
    "CodedMonth": "2014-01",
    "DateOccur": "01/05/2014 08:30",
    "Count": "1",
    "Crime": "31111",
    "District": "4",
    "ILEADSStreet": "S GRAND BLVD",
    "Neighborhood": "35",
    "XCoord": "904294.5",
    "YCoord": "1013566",
}
ROBBERY, THEFT, FALSE_REPORT = "031111", "067701", "263120"


def write(path: Path, rows: Iterable[Mapping[str, str | None]]) -> Path:
    whole = [ROW | row for row in rows]
    parquet.write_table(pa.table({name: [row[name] for row in whole] for name in ROW}), path)
    return path


def read(tmp_path: Path, *rows: Mapping[str, str | None]) -> Filings:
    return read_filings(stlouis(), write(tmp_path / "stlouis.parquet", rows), LevelTable.load())


def cases(tmp_path: Path, *rows: Mapping[str, str | None]) -> dict[str, Case]:
    return {case.report.report_id: case for case in read(tmp_path, *rows)}


def codes(outcome: Outcome) -> list[str | None]:
    return [offence.agency_code for offence in outcome.offences]


def test_a_row_becomes_a_report_filed_at_the_end_of_its_month(tmp_path: Path) -> None:
    report = cases(tmp_path, {})["14-000001"].report
    assert report.reported_at == datetime(2014, 2, 1, 5, 59, 59, tzinfo=UTC)
    assert report.occurred_from == datetime(2014, 1, 5, 14, 30, tzinfo=UTC)
    assert (report.location.area, report.location.district) == ("4", "35")
    assert report.offence_code is None


def test_the_states_coordinates_become_degrees(tmp_path: Path) -> None:
    location = cases(tmp_path, {})["14-000001"].report.location
    # The point lies in the Central West of downtown, which Morrison Lane crosses.
    assert (location.latitude, location.longitude) == (
        pytest.approx(38.6168, abs=1e-4),
        pytest.approx(-90.2057, abs=1e-4),
    )
    unknown = cases(tmp_path, {"XCoord": "0", "YCoord": "0", "District": "0", "Neighborhood": "0"})["14-000001"].report
    assert unknown.location.latitude is unknown.location.area is unknown.location.district is None


def test_offences_of_one_complaint_are_one_report_and_the_gravest_counts(tmp_path: Path) -> None:
    found = cases(tmp_path, {"Crime": "67701"}, {}, {"Complaint": "14-000002", "Crime": "67701"})
    assert codes(found["14-000001"].outcome) == [THEFT, ROBBERY]
    assert {name: case.final.level for name, case in found.items()} == {"14-000001": 5, "14-000002": 1}


def test_without_complaint_numbers_one_month_instant_and_place_are_one_report(tmp_path: Path) -> None:
    early = {"Complaint": None, "CodedMonth": "2009-03", "DateOccur": "03/02/2009 10:00"}
    found = cases(tmp_path, early, early | {"Crime": "67701", "DateOccur": "3/2/2009 10:00"}, early | {"XCoord": "1"})
    assert [*found] == ["2009-03-1", "2009-03-3"]
    assert codes(found["2009-03-1"].outcome) == [ROBBERY, THEFT]


def test_what_is_taken_back_is_unfounded_from_then_on(tmp_path: Path) -> None:
    case = cases(tmp_path, {}, {"CodedMonth": "2014-03", "Count": "-1"})["14-000001"]
    assert codes(case.outcome) == [ROBBERY]
    assert case.revisions == (Revision(timedelta(days=59), Outcome((), "UNFOUNDED", False, unfounded=True)),)
    assert case.final.level is None


@pytest.mark.parametrize("early", [False, True])
def test_a_recoded_offence_is_a_later_outcome_and_no_new_report(tmp_path: Path, early: bool) -> None:
    complaint = {"Complaint": None, "CodedMonth": "2009-03"} if early else {}
    later = {"CodedMonth": "2014-02", **({"Complaint": None} if early else {})}
    back, recoded = later | {"Count": "-1"}, later | {"Crime": "263120"}
    for order in ([back, recoded], [recoded, back]):
        found = cases(tmp_path, complaint, *order)
        assert len(found) == 1
        (case,) = found.values()
        assert codes(case.outcome) == [ROBBERY]
        assert [codes(revision.outcome) for revision in case.revisions] == [[FALSE_REPORT]]
        assert (case.outcome.level, case.final.level) == (5, 1)


def test_of_two_offences_the_one_that_is_not_taken_back_remains(tmp_path: Path) -> None:
    case = cases(tmp_path, {}, {"Crime": "67701"}, {"CodedMonth": "2014-03", "Count": "-1"})["14-000001"]
    assert (codes(case.outcome), codes(case.final)) == ([ROBBERY, THEFT], [THEFT])


def test_a_correction_of_what_lies_before_the_file_changes_nothing(tmp_path: Path) -> None:
    stray = {"Complaint": "09-000009", "DateOccur": "02/02/2009 10:00", "Count": "-1"}
    found = cases(tmp_path, {}, stray)
    assert [*found] == ["14-000001"]
    assert found["14-000001"].revisions == ()


def test_a_correction_that_fits_several_reports_takes_none_of_them_back(tmp_path: Path) -> None:
    early = {"Complaint": None, "CodedMonth": "2009-03"}
    rows = [early | {"ILEADSStreet": street} for street in ("A ST", "B ST")]
    stray = early | {"ILEADSStreet": "C ST", "CodedMonth": "2009-05", "Count": "-1"}
    assert not any(case.revisions for case in cases(tmp_path, *rows, stray).values())
    theirs = stray | {"ILEADSStreet": "B ST"}
    assert [bool(case.revisions) for case in cases(tmp_path, *rows, theirs).values()] == [False, True]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"Count": "2"}, "bad-count"),
        ({"CodedMonth": "Jan 2014"}, "bad-month"),
        ({"DateOccur": "yesterday"}, "bad-time"),
        ({"Complaint": "14-1"}, "bad-report-number"),
        ({"XCoord": "east"}, "bad-coordinates"),
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_named(tmp_path: Path, wrong: dict[str, str], reason: str) -> None:
    filings = read(tmp_path, {"Complaint": "14-000007"}, wrong)
    assert [case.report.report_id for case in filings] == ["14-000007"]
    assert filings.account.by_reason() == {reason: 1}
    assert filings.account.rows == filings.account.reports + filings.account.skipped.total()


def test_another_file_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"Complaint": ["14-000001"]}), tmp_path / "other.parquet")
    for path in (tmp_path / "other.parquet", Path(__file__)):
        with pytest.raises(CityFileError, match="stlouis"):
            read_filings(stlouis(), path)


def test_reports_do_not_change_with_the_offence_or_what_was_taken_back(tmp_path: Path) -> None:
    rows = [{}, {"Complaint": "14-000002", "Crime": "67701"}, {"CodedMonth": "2014-03", "Count": "-1"}]
    with records(write(tmp_path / "stlouis.parquet", rows)) as (header, found):
        joined = [dict(zip(header, record, strict=True)) for _, record in found if not isinstance(record, Exception)]
    assert len(joined) == 2
    assert find_leaks(stlouis(), joined) == []
    assert not set(OUTCOME_COLUMNS) & set(REPORT_COLUMNS)
    other = [row | {"Crime": "91113"} for row in rows[:2]]
    plain = [case.report for case in read(tmp_path, *rows[:2])]
    assert plain == [case.report for case in read(tmp_path, *other)]
    assert plain == [case.report for case in read(tmp_path, *rows)]


def test_every_offence_of_the_table_is_a_family_or_code_of_six_digits() -> None:
    table = LevelTable.load().by_agency["stlouis"]
    assert all(code.rstrip("*").isdigit() and (len(code) == 6 or code.endswith("*")) for code in table)
    assert set(table.values()) == {1, 2, 3, 4, 5}


@pytest.mark.data
def test_every_offence_of_the_real_file_has_a_level(stlouis_file: Path) -> None:
    table = LevelTable.load()
    crimes = pc.unique(parquet.read_table(stlouis_file, columns=["Crime"])["Crime"]).to_pylist()
    assert len(crimes) > 400
    assert [crime for crime in crimes if not table.level([Offence(agency_code=crime.zfill(6))], "stlouis")] == []


@pytest.mark.data
def test_two_months_of_the_real_file_are_accounted_for(stlouis_file: Path, tmp_path: Path) -> None:
    months = parquet.read_table(
        stlouis_file, columns=[*COLUMNS], filters=[("CodedMonth", "in", ["2018-01", "2018-02"])]
    )
    parquet.write_table(months, tmp_path / "months.parquet")
    filings = read_filings(stlouis(), tmp_path / "months.parquet", LevelTable.load())
    found = [*filings]
    assert filings.account.by_reason() == {}
    counted = months.filter(pc.equal(months["Count"], "1"))
    assert len(found) == len(pc.unique(counted["Complaint"])) > 5000
    assert any(case.final.unfounded for case in found)
    assert all(case.final.unfounded or case.final.level for case in found)
    order = [case.report.reported_at for case in found]
    assert order == sorted(order)
