"""Promises of the tables and of intake: each record once, nothing that nobody asked for, audits and dead letters."""

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import MAX_BYTES
from tests import strategies
from tests.trainer.events import START, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset import tables
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import FOREIGN_AGENCY, OUT_OF_RANGE, Intake
from trainer.dataset.rows import REPORTS, columns, report_row
from transport.records import Record


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path)


def intake(dataset: Dataset, outbox: Outbox | None = None, rate: float = 0) -> Intake:
    return Intake(dataset, outbox or Outbox(), AuditDraw(b"key", rate), lambda: START)


def bodies(dataset: Dataset) -> list[str]:
    return [row["report_id"] for row in dataset.query("SELECT report_id FROM reports").to_pylist()]


def test_records_that_are_read_again_are_stored_once(dataset: Dataset) -> None:
    batch = records([report(n) for n in range(10)])
    intake(dataset).take(batch[:6])
    taken = intake(dataset).take(batch[3:])
    assert taken.rows[topics.CRIME_REPORTS] == 4
    assert sorted(bodies(dataset)) == sorted(f"r{n}" for n in range(10))


def test_each_partition_has_its_own_mark_and_the_tables_tell_where_to_go_on(dataset: Dataset) -> None:
    intake(dataset).take(
        records([report(1), report(2)], first=5)
        + records([report(3)], first=0, partition=2)
        + records([outcome(1)], first=7)
        + records([priority(1)], first=3, partition=1)
    )
    again = Dataset(Path(dataset["reports"]._table.table_uri.removeprefix("file://")).parent)
    assert intake(again).starts() == {
        ("crime-reports", 0): 7,
        ("crime-reports", 2): 1,
        ("solved-cases", 0): 8,
        ("priorities", 1): 4,
    }


def test_a_second_writer_is_refused_and_writes_nothing(dataset: Dataset, tmp_path: Path) -> None:
    other = Dataset(tmp_path)
    batch = records([report(n) for n in range(4)])
    intake(dataset).take(batch)
    with pytest.raises(CommitFailedError):
        intake(other).take(batch)
    assert len(bodies(dataset)) == 4


def test_an_unreadable_outcome_is_a_dead_letter_before_the_mark_moves(dataset: Dataset) -> None:
    outbox = Outbox()
    broken = Record("solved-cases", 0, 1, b"riverton/r2", b"{not json", (), 0)
    taken = intake(dataset, outbox).take([*records([outcome(1)]), broken])
    ((topic, key, value, headers),) = outbox.sent
    assert (topic, key, value) == ("solved-cases.dlq", b"riverton/r2", b"{not json")
    assert dict(headers)["severity.error.reason"] == b"not-json"
    assert outbox.flushed == 1
    assert taken.refused == {("solved-cases", "not-json"): 1}
    assert dataset["outcomes"].mark("solved-cases/0") == 2


@pytest.mark.parametrize(("body", "header"), [(MAX_BYTES + 1, 0), (10, MAX_BYTES)])
def test_a_record_too_large_for_a_dead_letter_is_named_by_a_bare_one(dataset: Dataset, body: int, header: int) -> None:
    outbox = Outbox()
    record = Record("solved-cases", 0, 5, b"riverton/r1", b"x" * body, (("h", b"x" * header),), 0)
    intake(dataset, outbox).take([record])
    ((_, _, value, headers),) = outbox.sent
    assert value is None
    assert dict(headers)["severity.error.offset"] == b"5"
    assert "h" not in dict(headers)


def test_the_mark_moves_even_when_nothing_of_a_batch_could_be_read(dataset: Dataset) -> None:
    intake(dataset).take([Record("solved-cases", 0, 0, None, b"?", (), 0)])
    assert dataset["outcomes"].mark("solved-cases/0") == 1


def test_nothing_is_stored_when_a_dead_letter_was_not_delivered(dataset: Dataset) -> None:
    class Unreachable(Outbox):
        def flush(self) -> None:
            raise ConnectionError("the broker is away")

    with pytest.raises(ConnectionError):
        intake(dataset, Unreachable()).take([*records([outcome(1)]), Record("solved-cases", 0, 1, None, b"?", (), 0)])
    assert dataset["outcomes"].mark("solved-cases/0") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 2**31},
        {"sequence": 10**30},
        {"closed_at": datetime.fromisoformat("9999-12-31T23:59:59-12:00")},
        {"closed_at": datetime.fromisoformat("0001-01-01T00:00:00+14:00")},
    ],
    ids=str,
)
def test_an_outcome_that_no_table_can_hold_is_a_dead_letter_and_the_next_one_is_taken(
    dataset: Dataset, fields: dict[str, object]
) -> None:
    outbox = Outbox()
    taken = intake(dataset, outbox).take(records([outcome(1, **fields), outcome(2)]))
    assert taken.refused == {("solved-cases", OUT_OF_RANGE): 1}
    assert [topic for topic, *_ in outbox.sent] == ["solved-cases.dlq"]
    assert (taken.rows["solved-cases"], dataset["outcomes"].mark("solved-cases/0")) == (1, 2)


@pytest.mark.parametrize("fields", [{"revision": 2**31}, {"revision": 10**30}, {"decision": 2**31}], ids=str)
def test_a_priority_that_no_table_can_hold_is_counted_and_the_next_one_is_taken(
    dataset: Dataset, fields: dict[str, object]
) -> None:
    taken = intake(dataset).take(records([priority(1).model_copy(update=fields), priority(2)]))
    assert taken.refused == {("priorities", OUT_OF_RANGE): 1}
    assert taken.rows["priorities"] == 1


def test_a_timestamp_that_no_calendar_has_does_not_stop_intake(dataset: Dataset) -> None:
    (record,) = records([report(1)])
    taken = intake(dataset, rate=1).take([record._replace(timestamp_ms=2**62)])
    assert taken.rows["crime-reports"] == 1
    assert taken.audits


def test_unreadable_reports_are_left_to_the_scorer(dataset: Dataset) -> None:
    outbox = Outbox()
    taken = intake(dataset, outbox).take([Record("crime-reports", 0, 0, b"riverton/r1", b"{}", (), 0)])
    assert taken.refused == {("crime-reports", "invalid"): 1}
    assert outbox.sent == []


def test_an_agency_cannot_write_for_another_one(dataset: Dataset) -> None:
    taken = intake(dataset).take(
        records([report(1)], prefix="riverton.")
        + records([report(2, agency_id="otherton")], first=1, prefix="riverton.")
    )
    assert taken.refused == {("crime-reports", FOREIGN_AGENCY): 1}
    assert bodies(dataset) == ["r1"]


def test_fields_that_the_contract_does_not_know_are_counted_and_never_stored(dataset: Dataset) -> None:
    (record,) = records([report(1)])
    body = json.loads(record.value or b"") | {"victim_name": "Jane Roe"}
    taken = intake(dataset).take([record._replace(value=json.dumps(body).encode())])
    assert taken.unknown_fields == 1
    (row,) = dataset.query("SELECT body FROM reports").to_pylist()
    assert "Jane" not in row["body"]
    assert CrimeReport.model_validate_json(row["body"]) == report(1)


def test_identities_stay_out_of_the_logs_statistics(dataset: Dataset, tmp_path: Path) -> None:
    intake(dataset).take(records([report(4711)]))
    log = "".join(path.read_text() for path in (tmp_path / "reports" / "_delta_log").glob("*.json"))
    assert "numRecords" in log
    assert "r4711" not in log


def test_a_drawn_report_is_asked_for_once_and_the_same_way_after_a_restart(dataset: Dataset) -> None:
    batch = records([report(n) for n in range(200)] + [report(n, revision=2) for n in range(200)])
    first, second = Outbox(), Outbox()
    taken = intake(dataset, first, rate=0.2).take(batch)
    intake(dataset, second, rate=0.2).take(batch)
    asked = [dict(headers)["ce_id"] for *_, headers in first.sent]
    assert taken.audits == len(set(asked)) == len(asked)
    assert 20 <= len({key for _, key, *_ in first.sent}) <= 60
    assert first.sent == second.sent


def test_the_files_of_a_table_do_not_heap_up_however_long_it_is_written(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "RETENTION", "interval 0 hours")
    monkeypatch.setattr(tables, "COMPACT_AFTER", 10)
    kept = []
    table = Dataset(tmp_path)  # an older table takes the new settings
    for n in range(220):
        intake(table).take(records([report(n)], first=n))
        if "reports" in table.due(START):
            table["reports"].compact()
            table["reports"].tidied(START)
        if n % 55 == 54:
            kept.append(sum(path.is_file() for path in (tmp_path / "reports").rglob("*")))
    assert table["reports"].count() == 220
    assert kept[-1] <= kept[0] + 5, kept
    assert len(list((tmp_path / "reports").glob("*.parquet"))) <= 13


@given(st.lists(strategies.reports, max_size=5))
def test_a_stored_report_reads_back_as_it_came(reports: list[CrimeReport]) -> None:
    rows = columns([report_row(("crime-reports", 0, n), one) for n, one in enumerate(reports)], REPORTS)
    assert [CrimeReport.model_validate_json(body) for body in rows["body"].to_pylist()] == reports


def test_a_table_of_an_older_version_gets_the_columns_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    new = ("drawn_at", "audit_probability", "request_id", "second_request_id")
    old = pa.schema([column for column in REPORTS if column.name not in new])
    before = tables.Table(tmp_path / "reports", old, ("offset",))
    before.append(
        columns([report_row(("crime-reports", 0, 0), report(1))], REPORTS).select(old.names), {"crime-reports/0": 1}
    )
    for _ in range(2):
        dataset = Dataset(tmp_path)
    intake(dataset, rate=1).take(records([report(1), report(2)]))
    found = dataset.query("SELECT report_id, request_id IS NULL AS unasked FROM reports ORDER BY report_id").to_pylist()
    assert found == [{"report_id": "r1", "unasked": True}, {"report_id": "r2", "unasked": False}]
