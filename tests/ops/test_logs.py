"""What logs tell and what they never do: whose report and where it lies, but no coordinate and nothing that it says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.stream.running import read_until, scorer, scrape_until
from tests.trainer.test_service import Service
from transport.embedded import EmbeddedBroker
from transport.errors import where
from transport.reader import Reader
from transport.sender import Sender

SECRET = "MARKER-5e1f"
LATITUDE, LONGITUDE, VICTIMS = 12.3456789, -98.7654321, 9753
REFUSED = 20
"""At least so many of the broken records have no reading."""

MARKS = (SECRET, "12.34", "98.76", str(VICTIMS))


def report(number: int, **other: Any) -> dict[str, Any]:
    """A report that says the marker wherever it may say anything."""
    codes = ("agency_incident_type", "offence_code", "incident_type", "initial_priority")
    lists = ("weapons", "agency_weapons", "injuries", "circumstances")
    place = dict.fromkeys(("area", "district", "place_type", "agency_place_type"), SECRET)
    return {
        "agency_id": "rivertown",
        "report_id": f"26-{number}",
        "reported_at": "2026-11-24T12:00:00Z",
        **dict.fromkeys(codes, SECRET),
        **{name: [SECRET] for name in lists},
        "victims": VICTIMS,
        "location": {**place, "latitude": LATITUDE, "longitude": LONGITUDE},
        SECRET: {SECRET: SECRET},
        **other,
    }


def broken() -> Iterator[tuple[bytes | None, bytes, list[tuple[str, bytes]]]]:
    """Key, body and headers of records that say it and are wrong in ways of many kinds."""
    # Those whose key or headers say it come first: not every dead letter of a batch is told.
    body = json.dumps(report(1)).encode()
    yield b"rivertown/26-1", body[:-30], []
    yield None, SECRET.encode(), []
    yield f"{SECRET}/{SECRET}".encode(), f'"{SECRET}"'.encode(), []
    yield f"{SECRET}\x00".encode(), body, []
    yield None, body, [("ce_type", SECRET.encode())]
    yield None, body, [("content-type", SECRET.encode())]
    yield None, body, [("content-type", b"application/cloudevents+json")]
    yield None, b"\xff" + SECRET.encode(), [(SECRET, SECRET.encode())]
    number = 1000
    wrong: list[dict[str, Any]] = [
        *({name: {SECRET: SECRET}} for name in report(0) if name not in ("agency_id", "report_id", SECRET)),
        *({name: [SECRET, LATITUDE]} for name in ("flags", "status", "source", "urgency", "revision", "occurred_to")),
        {"location": {"latitude": SECRET, "longitude": LONGITUDE, "area": [SECRET]}},
        {"report_id": f"{SECRET}\n"},
        {"agency_id": SECRET},
        {"victims": f"{VICTIMS} {SECRET}"},
    ]
    for change in wrong:
        number += 1
        yield f"rivertown/26-{number}".encode(), json.dumps(report(number, **change)).encode(), []


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: 1 for topic in topics.all_topics()}) as started:
        yield started


def file_all(broker: EmbeddedBroker, *names: str) -> int:
    """Sound and broken records to each of the topics; how many to each."""
    sound = [(None, json.dumps(report(number)).encode(), []) for number in range(20)]
    records = [*sound, *broken()]
    with Sender(broker.settings()) as sender:
        for topic in names:
            for key, body, headers in records:
                sender.send(topic, key, body, headers)
    return len(records)


def assert_nothing_told(lines: list[str]) -> None:
    told = [line for line in lines if any(mark in line for mark in MARKS)]
    assert not told


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_scorer_names_refused_reports_and_tells_nothing_that_they_say(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SEVERITY_LOG", form)
    _, trusted = new_pair(tmp_path / "keys")
    count = file_all(broker, topics.CRIME_REPORTS)
    with (
        scorer(broker.settings(), trusted.parent, model_wait_seconds=0) as running,
        Reader(broker.settings(), [topics.dead_letters(topics.CRIME_REPORTS)]) as reader,
    ):
        address = running.ready()
        scrape_until(address, "severity_reports_in_total", lambda seen: seen >= count)
        letters = read_until(reader, lambda letters: len(letters) >= REFUSED)
        assert running.end() == 0
    assert len(letters) >= REFUSED
    assert_nothing_told(running.lines)
    text = "".join(running.lines)
    assert "dead letter" in text
    assert "rivertown/26-1" in text
    if form == "json":
        said = [json.loads(line) for line in running.lines]
        assert {one["service"] for one in said} == {"scorer"}
        refused = [one for one in said if one.get("message", "").startswith("dead letter")]
        assert {"reason", "record", "report", "time", "level"} <= refused[0].keys()


def test_a_trainer_tells_nothing_that_reports_and_outcomes_say(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEVERITY_LOG", "json")
    new_pair(tmp_path / "keys")
    service = Service(broker, tmp_path)
    address = service.wait_for("ready")["metrics"]
    count = file_all(broker, topics.CRIME_REPORTS, topics.SOLVED_CASES, topics.PRIORITIES)
    refused = 'severity_trainer_refused_total{reason="not-json",topic="priorities"}'
    scrape_until(address, refused, lambda seen: seen >= 3)
    with Reader(broker.settings(), [topics.dead_letters(topics.SOLVED_CASES)]) as reader:
        read_until(reader, lambda letters: len(letters) >= count)
    assert service.end() == 0
    assert_nothing_told(service.lines)
    assert all("service" in json.loads(line) for line in service.lines if line.strip())


def test_an_error_that_a_report_may_have_caused_is_told_by_kind_and_place() -> None:
    try:
        {}[SECRET]
    except KeyError as error:
        assert "KeyError in test_an_error" in where(error)
        assert SECRET not in where(error)
