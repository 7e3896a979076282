"""A contract that grows while old and new run side by side: nobody refuses what the other one writes."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import Event, decode, encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from schemas.priority import Priority
from stream.agencies import Agencies, Limits
from stream.ledger import Ledger
from stream.processor import Processor
from stream.recall import found_in
from stream.revisions import Revisions
from stream.settings import ScorerSettings
from stream.tables import Tables
from tests.stream.standin import BELIEVING, NOW
from tests.trainer.events import Outbox
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from transport.records import Batch, Record

OLD_REPORT = {"agency_id": "rivertown", "report_id": "26-1", "reported_at": "2026-11-24T12:00:00Z"}
"""All that the first version of the contract asked for."""


@pytest.fixture(scope="module")
def scorer() -> Processor:
    """As deployed, without a model."""
    assessor = Tables.load(ScorerSettings()).assessor(None, lambda _: None)
    ledger = Ledger(Revisions(100), Agencies(Limits(ratio=1, in_a_row=100)))
    return Processor(
        lambda: assessor,
        ledger,
        doubts=BELIEVING,
        delivery="x",
        source="s",
        clock=lambda: NOW,
        timer=time.perf_counter,
    )


def score(scorer: Processor, body: dict[str, Any]) -> tuple[Priority, Batch]:
    record = Record(topics.CRIME_REPORTS, 0, 0, None, json.dumps(body).encode(), (), 0)
    batch, _ = scorer.process([record])
    (output,) = batch.outputs
    return decode(Priority, output.key, output.value, output.headers), batch


def test_an_old_scorer_scores_new_reports_by_what_it_knows(scorer: Processor) -> None:
    known = {**OLD_REPORT, "incident_type": "ROBBERY", "urgency": "in-progress", "weapons": ["12"]}
    new = {
        **known,
        "drone_footage": {"url": "x", "frames": [1, 2, 3]},
        "location": {"what3words": "a.b.c", "latitude": 40.1, "longitude": -88.2},
        "flags": {"hostage": True, "domestic": False},
        "weapons": ["12", "99-LASER"],
        "injuries": ["a-code-of-2031"],
        "circumstances": ["also-new"],
    }
    before, _ = score(scorer, known)
    after, batch = score(scorer, new)
    assert not batch.dead_letters
    assert (after.severity, after.priority) == (before.severity, before.priority)


@pytest.mark.parametrize("field", ["source", "urgency", "status"])
def test_a_new_value_of_a_closed_list_costs_a_report_that_field_alone_and_a_person_looks(
    scorer: Processor, field: str
) -> None:
    priority, batch = score(scorer, {**OLD_REPORT, "incident_type": "ROBBERY", field: "added-in-2031"})
    assert priority.severity is not None
    assert priority.needs_human_triage
    assert len(batch.dead_letters) == 1


def test_a_new_scorer_scores_reports_of_the_first_version(scorer: Processor) -> None:
    priority, batch = score(scorer, OLD_REPORT)
    assert not batch.dead_letters
    assert priority.priority
    wrapped = {"specversion": "1.0", "id": "1", "source": "/cad", "type": CrimeReport.ce_type, "data": OLD_REPORT}
    headers = (("content-type", b"application/cloudevents+json"),)
    read = decode(CrimeReport, None, json.dumps(wrapped).encode(), headers)
    assert read.report_id == "26-1"


def grown(node: Any) -> Any:
    """The same with a field more in every object, as a later version may have."""
    if isinstance(node, dict):
        return {**{name: grown(inner) for name, inner in node.items()}, "added_in_2031": 1.5}
    return [grown(inner) for inner in node] if isinstance(node, list) else node


def newer(event: Event) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """As a service of a later version writes it."""
    key, value, headers = encode(event, source="/newer", time=NOW)
    return key, json.dumps(grown(json.loads(value))).encode(), headers


WRITTEN: list[Event] = [
    ModelVersion(
        name="severity", role="champion", release=3, digest="0" * 64, location="file:///releases/3", key_id="k",
        signature="A" * 86 + "==", created_at=NOW, expires_at=NOW, rows=1, metrics={}, verdict="better",
    ),
    ModelStatus(instance="scorer-0", name="severity", release=3, digest="0" * 64, result="loaded", at=NOW),
    AuditRequest(agency_id="a", report_id="1", request_id="r", drawn_at=NOW, probability=0.05),
]  # fmt: skip


@pytest.mark.parametrize("event", WRITTEN, ids=lambda event: type(event).__name__)
def test_an_old_service_reads_what_a_new_one_writes(event: Event) -> None:
    key, value, headers = newer(event)
    read = decode(type(event), key, value, headers)
    assert read.key == event.key
    assert read.ce_id == event.ce_id


def test_an_old_reader_knows_a_newer_priority(scorer: Processor, tmp_path: Path) -> None:
    priority, _ = score(scorer, {**OLD_REPORT, "incident_type": "ROBBERY", "urgency": "in-progress"})
    key, value, headers = newer(priority)
    assert decode(Priority, key, value, headers) == priority
    record = Record(topics.PRIORITIES, 0, 0, key, value, tuple(headers), 0)

    found = found_in(record)  # a scorer's, after a restart
    assert found is not None
    assert found.decision is not None
    assert found.decision.priority == priority.priority

    intake = Intake(Dataset(tmp_path), Outbox(), AuditDraw(b"k" * 32, 0.0, 0.0), lambda: NOW)
    taken = intake.take([record])  # a trainer's
    assert not taken.refused
    assert taken.rows[topics.PRIORITIES] == 1


def test_what_we_write_stays_closed() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        AuditRequest(agency_id="a", report_id="1", request_id="r", drawn_at=NOW, probability=0.1, more=1)
