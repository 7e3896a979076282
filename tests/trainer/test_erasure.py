"""Promises of erasure: no row, no file and no log of ours names the report, and no replay brings it back."""

import io
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas import topics
from schemas.solved_case import AuditAnswer
from tests.trainer.events import START, CodeIsLevel, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.audits.key import NoAuditKey, secret
from trainer.dataset.dataset import Dataset
from trainer.dataset.erasure import OtherSecret, Tombstones, erase
from trainer.dataset.intake import Intake
from trainer.dataset.traces import traces
from trainer.training.training_set import training_set

KEY = b"key"
NAME = "r4711"


def intake(dataset: Dataset, outbox: Outbox | None = None, key: bytes = KEY) -> Intake:
    return Intake(dataset, outbox or Outbox(), AuditDraw(key, 1), lambda: START)


def everything() -> list:
    """A report with all that belongs to it, among others."""
    asked = AuditAnswer(request_id="q", probability=0.05)
    others = [event for n in range(20) for event in (report(n), priority(n), outcome(n))]
    its = [
        report(4711),
        report(4711, 2, victims=1),
        priority(4711),
        outcome(4711),
        outcome(4711, sequence=2, basis="audited", audit=asked),
    ]
    found = []
    for kind in topics.CRIME_REPORTS, topics.PRIORITIES, topics.SOLVED_CASES:
        found += records([event for event in [*others, *its] if records([event])[0].topic == kind])
    return found


def held(folder: Path, text: str) -> list[str]:
    """Files under `folder` that hold the text, in their bytes or, of a Parquet file, in what they decode to."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            decoded = str(pq.read_table(io.BytesIO(content)).to_pylist()) if path.suffix == ".parquet" else ""
            if text.encode() in content or text in decoded:
                found.append(path.relative_to(folder).as_posix())
    return found


def test_an_erased_report_is_in_no_table_no_file_and_no_log(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    for place in range(0, len(everything()), 7):
        intake(dataset).take(everything()[place : place + 7])
    dataset["reports"].compact()
    assert len(held(tmp_path, NAME)) > 3
    before = training_set(dataset, CodeIsLevel())
    assert erase(dataset, KEY, "riverton", NAME, START) == {"reports": 2, "priorities": 1, "outcomes": 2}
    assert held(tmp_path, NAME) == []
    after = training_set(dataset, CodeIsLevel())
    assert set(before.report_id) - set(after.report_id) == {NAME}
    assert len(after) == len(before) - 1


def test_a_replay_from_kafka_does_not_bring_an_erased_report_back_nor_ask_for_its_audit(tmp_path: Path) -> None:
    dataset, outbox = Dataset(tmp_path), Outbox()
    intake(dataset).take(everything())
    erase(dataset, KEY, "riverton", NAME, START)
    moved = [record._replace(offset=record.offset + 100) for record in everything()]
    taken = intake(Dataset(tmp_path), outbox).take(moved)
    assert taken.erased == 5
    assert held(tmp_path, NAME) == []
    assert f"riverton/{NAME}".encode() not in {key for _, key, *_ in outbox.sent}
    assert len(outbox.sent) >= 20


def test_a_report_that_never_came_can_be_erased_and_is_not_taken(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    assert erase(dataset, KEY, "riverton", NAME, START) == {"reports": 0, "priorities": 0, "outcomes": 0}
    assert intake(dataset).take(records([report(4711)])).erased == 1
    assert dataset["reports"].mark("crime-reports/0") == 1
    erase(dataset, KEY, "riverton", NAME, START)
    assert len(Tombstones(dataset, KEY)) == dataset["erasures"].count() == 1


def test_a_running_trainer_goes_on_and_hears_of_an_erasure_by_another_process(tmp_path: Path) -> None:
    trainer = intake(Dataset(tmp_path))
    trainer.take(records([report(1), report(4711)]))
    erase(Dataset(tmp_path), KEY, "riverton", NAME, START)
    taken = trainer.take(records([report(4711, 2), report(2)], first=2))
    assert (taken.erased, taken.rows[topics.CRIME_REPORTS]) == (1, 1)
    assert held(tmp_path, NAME) == []


def test_a_report_that_is_erased_while_its_batch_is_on_its_way_is_erased_behind_it(tmp_path: Path) -> None:
    class Meanwhile(Outbox):
        def flush(self) -> None:
            erase(Dataset(tmp_path), KEY, "riverton", NAME, START)

    dataset = Dataset(tmp_path)
    intake(dataset, Meanwhile()).take(records([report(1), report(4711)]))
    assert held(tmp_path, NAME) == []
    assert dataset["reports"].count() == 1


def test_a_tombstone_names_nobody_and_needs_the_secret_that_made_it(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    erase(dataset, KEY, "riverton", NAME, START)
    assert not Tombstones(dataset, KEY).hold("riverton", "r1")
    with pytest.raises(OtherSecret, match="AUDIT_KEY"):
        intake(dataset, key=b"another")


def test_odd_names_are_erased_and_nothing_else(tmp_path: Path) -> None:
    names = ["o'brien", "x' OR '1'='1", 'a"b', "ü/1 %", "r\\1"]
    dataset = Dataset(tmp_path)
    intake(dataset).take(records([report(n, report_id=name) for n, name in enumerate(names)]))
    for left, name in enumerate(reversed(names)):
        assert erase(dataset, KEY, "riverton", name, START)["reports"] == 1
        assert dataset["reports"].count() == len(names) - left - 1
        assert held(tmp_path, json.dumps(name, ensure_ascii=False)[1:-1]) == []


def test_the_secret_is_kept_beside_a_folder_and_must_be_given_for_an_object_store(tmp_path: Path) -> None:
    assert secret(None, tmp_path / "new") == secret(None, str(tmp_path / "new"))
    with pytest.raises(NoAuditKey, match="SEVERITY_TRAINER__AUDIT_KEY_FILE"):
        secret(None, "s3://bucket/dataset")


def test_traces_are_found_in_bytes_in_json_and_in_what_parquet_decodes_to(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "dataset")
    intake(dataset).take(records([report(1, report_id="case-2026-4711")]))
    (tmp_path / "notes.txt").write_text("see riverton/case-2026-4711")
    (tmp_path / "body.json").write_text('{"report_id": "case-2026-4711"}')
    (tmp_path / "other.json").write_text('{"report_id": "case-2026-47"}')
    found = traces(tmp_path, "riverton", "case-2026-4711")
    assert found[:1] == ["body.json"]
    assert found[-1:] == ["notes.txt"]
    assert all(name.startswith("dataset/reports/part-") for name in found[1:-1])
    assert len(found) == 3
    assert traces(tmp_path, "riverton", "1") == []  # too short to be looked for by itself
    assert traces(tmp_path / "nowhere", "riverton", "case-2026-4711") == []


def test_a_file_that_a_killed_writer_left_goes_when_nobody_can_be_writing_it(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path)
    intake(dataset).take(records([report(1), report(4711)]))
    (part,) = (tmp_path / "reports").glob("part-*.parquet")
    orphan = part.with_name("part-orphan.parquet")
    shutil.copy(part, orphan)
    erase(dataset, KEY, "riverton", NAME, START)
    assert traces(tmp_path, "riverton", NAME) == ["reports/part-orphan.parquet"]
    os.utime(orphan, (0, 0))
    erase(dataset, KEY, "riverton", NAME, START)
    assert traces(tmp_path, "riverton", NAME) == []
    assert dataset["reports"].count() == 1
