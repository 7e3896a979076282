"""LAPD's rows as reports and outcomes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cad import lapd
from cad.city import Case
from schemas.codes import PLACE_TYPES, WEAPONS
from schemas.crime_report import CrimeReport, Flags
from schemas.envelope import decode, encode
from schemas.solved_case import Offence
from severity.levels import LevelTable
from tests.cad.rows import CHILD, ROBBERY, THEFT, write


def report_of(**changes: str) -> CrimeReport:
    return lapd.lapd().report_of(ROBBERY | changes)


def test_a_row_becomes_a_report_with_its_codes_as_written() -> None:
    report = report_of()
    assert (report.agency_id, report.report_id, report.revision) == ("lapd", "230100001", 1)
    assert report.circumstances == ("1822", "0344", "2000", "0408")
    assert (report.location.area, report.location.district) == ("01", "0111")
    assert (report.location.latitude, report.location.longitude) == (34.0443, -118.2522)
    assert (report.location.agency_place_type, report.location.place_type) == ("101", "13")
    assert (report.agency_weapons, report.weapons) == (("102",), ("12",))
    assert report.occurred_from == datetime.fromisoformat("2023-01-03T09:30:00-08:00")
    assert report.urgency is None
    assert report.offence_code is None


def test_what_the_file_does_not_say_is_unknown() -> None:
    report = lapd.lapd().report_of(THEFT)
    assert report.location.latitude is None
    assert report.location.longitude is None
    assert report.location.agency_place_type is None
    assert report.agency_weapons == report.weapons == report.circumstances == ()
    assert report.flags == Flags()


def test_flags_come_from_mo_codes_and_an_absent_code_is_not_a_no() -> None:
    assert report_of().flags == Flags(domestic=True, strangulation=True)
    assert report_of(Mocodes="1258 0527 1202 2038").flags == Flags(
        child=True, sexual=True, vulnerable_person=True, protective_order=True
    )
    assert report_of(Mocodes="0344").flags == Flags()


def test_short_codes_are_written_out_so_that_a_spreadsheet_loses_nothing() -> None:
    report = report_of(AREA="1", Mocodes="344 2000", **{"Rpt Dist No": "111", "TIME OCC": "45"})
    assert (report.location.area, report.location.district) == ("01", "0111")
    assert report.circumstances == ("0344", "2000")
    assert report.occurred_from == datetime.fromisoformat("2023-01-03T00:45:00-08:00")


def test_a_time_that_the_clocks_skipped_is_read_as_if_they_had_not_been_set() -> None:
    report = report_of(**{"DATE OCC": "03/12/2023 12:00:00 AM", "TIME OCC": "0230", "Date Rptd": "03/12/2023"})
    assert report.occurred_from == datetime(2023, 3, 12, 10, 30, tzinfo=UTC)
    assert report.occurred_from is not None
    assert report.occurred_from.isoformat() == "2023-03-12T03:30:00-07:00"


def test_a_report_read_from_the_file_equals_the_one_that_crossed_kafka() -> None:
    for day, clock in (("03/12/2023", "0230"), ("11/05/2023", "0130"), ("01/01/2023", "1200")):
        report = report_of(**{"DATE OCC": day, "TIME OCC": clock, "Date Rptd": "12/06/2023"})
        received = decode(CrimeReport, *encode(report, source="/test", time=datetime.now(UTC)))
        assert received == report
        assert received.occurred_from is not None
        assert report.occurred_from is not None
        assert received.reported_at - received.occurred_from == report.reported_at - report.occurred_from


def test_a_time_that_occurs_twice_is_the_first() -> None:
    report = report_of(**{"DATE OCC": "11/05/2023 12:00:00 AM", "TIME OCC": "0130", "Date Rptd": "11/06/2023"})
    assert report.occurred_from == datetime(2023, 11, 5, 8, 30, tzinfo=UTC)


def test_reports_are_filed_at_the_end_of_the_day_and_never_before_they_occurred(tmp_path: Path) -> None:
    late = THEFT | {"TIME OCC": "2359", "DR_NO": "230100000"}
    cases = list(lapd.read(write(tmp_path / "lapd.csv", [ROBBERY, late, THEFT])))
    assert [case.report.report_id for case in cases] == ["230100000", "230100002", "230100001"]
    filed = [case.report.reported_at for case in cases]
    assert filed == sorted(filed)
    assert filed[0] == datetime.fromisoformat("2023-01-04T23:59:59-08:00")
    assert all(case.report.occurred_from <= case.report.reported_at for case in cases if case.report.occurred_from)


@pytest.mark.parametrize(
    ("status", "cleared", "expected"),
    [
        ("AA", True, "CLEARED BY ARREST"),
        ("JA", True, "CLEARED BY ARREST"),
        ("AO", True, "CLEARED BY EXCEPTIONAL MEANS"),
        ("JO", True, "CLEARED BY EXCEPTIONAL MEANS"),
        ("IC", False, "OPEN"),
        ("CC", False, "OPEN"),
    ],
)
def test_the_outcome_is_the_final_offence_and_the_status_at_export(status: str, cleared: bool, expected: str) -> None:
    outcome = lapd.outcome(ROBBERY | {"Status": status})
    assert outcome.offences == (Offence(agency_code="210"),)
    assert (outcome.cleared, outcome.status) == (cleared, expected)


def test_every_mapped_code_is_a_nibrs_code() -> None:
    assert set(lapd._nibrs("lapd_weapons", "weapon").values()) <= WEAPONS.keys()
    assert set(lapd._nibrs("lapd_premises", "premise").values()) <= PLACE_TYPES.keys()
    flags = {flag for flags in lapd._flags_by_code().values() for flag in flags}
    assert flags <= Flags.model_fields.keys()


def test_an_outcome_carries_its_level_and_a_report_does_not(tmp_path: Path) -> None:
    cases = list(lapd.read(write(tmp_path / "lapd.csv.gz", [ROBBERY, THEFT, CHILD]), LevelTable.load()))
    assert {case.report.report_id: case.outcome.level for case in cases} == {
        "230100001": 5,
        "230100002": 1,
        "230100003": 5,
    }


@pytest.mark.data
def test_every_row_of_2023_q1_is_accounted_for(lapd_file: Path) -> None:
    filings = lapd.read(lapd_file, LevelTable.load())
    numbers = set()
    previous: Case | None = None
    for case in filings:
        numbers.add(case.report.report_id)
        assert case.outcome.level is not None
        delay = case.report.reported_at - (case.report.occurred_from or case.report.reported_at)
        assert timedelta(0) <= delay
        assert previous is None or previous.report.reported_at <= case.report.reported_at
        previous = case
    account = filings.account
    assert account.rows == 39_980 == account.reports + account.skipped.total()
    assert (len(numbers), account.unlabelled) == (39_980, 0)
