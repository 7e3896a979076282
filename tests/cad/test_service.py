"""The CAD producer as a process, on the embedded broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import urlopen

import pytest
from pydantic import ValidationError

from cad.service import run
from cad.settings import CadSettings
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.solved_case import SolvedCase
from schemas.topics import AUDIT_REQUESTS, CRIME_REPORTS, SOLVED_CASES, all_topics
from tests.cad import test_stlouis as stlouis
from tests.cad.rows import CHILD, ROBBERY, THEFT, write
from transport.embedded import EmbeddedBroker
from transport.reader import Reader
from transport.sender import Sender

PATIENCE = 60.0

RUN = "from cad.service import run; from cad.settings import CadSettings; raise SystemExit(run(CadSettings()))"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in all_topics()}) as started:
        yield started


def start(broker: EmbeddedBroker, client: Mapping[str, str] | None = None, **settings: object) -> subprocess.Popen[str]:
    environment = {f"SEVERITY_CAD__{name.upper()}": str(value) for name, value in settings.items()} | {
        "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "SEVERITY_KAFKA__EMBEDDED": "true",
        "SEVERITY_KAFKA__DELIVERY": "at-least-once",
        "SEVERITY_KAFKA__CLIENT": json.dumps(client or {}),
    }
    return subprocess.Popen(
        [sys.executable, "-c", RUN], env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )


def tell(process: subprocess.Popen[str]) -> dict[str, dict[str, Any]]:
    """What the process told until it ended, the last line of each event."""
    _, text = process.communicate(timeout=PATIENCE)
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {line["event"]: line for line in lines}


def read(broker: EmbeddedBroker, agency_id: str) -> tuple[list[CrimeReport], list[SolvedCase]]:
    reports: list[CrimeReport] = []
    outcomes: list[SolvedCase] = []
    with Reader(broker.settings(), [CRIME_REPORTS, SOLVED_CASES]) as reader:
        deadline = time.monotonic() + PATIENCE
        while not reader.caught_up and time.monotonic() < deadline:
            for record in reader.read(1000, 0.2):
                if record.topic == CRIME_REPORTS:
                    reports.append(decode(CrimeReport, record.key, record.value, record.headers))
                else:
                    outcomes.append(decode(SolvedCase, record.key, record.value, record.headers))
    return [r for r in reports if r.agency_id == agency_id], [o for o in outcomes if o.agency_id == agency_id]


def test_a_city_is_played_to_its_end_and_every_count_is_true(broker: EmbeddedBroker) -> None:
    process = start(
        broker, run_id="whole", rate=2000, reports=600, outcome_delay_seconds=0.5, outcomes="all", stay="false"
    )
    told = tell(process)
    assert process.returncode == 0
    everything, outcomes = read(broker, "rivertown")
    reports = [report for report in everything if report.report_id.startswith("whole-")]
    actual = [report for report in reports if report.status == "Actual"]
    assert len({report.report_id for report in reports}) == 600
    assert told["filed"]["revisions"] == len(actual)
    assert told["filed"]["reports"] == sum(report.revision == 1 for report in actual)
    assert told["filed"]["drills"] == len(reports) - len(actual)
    assert told["stopped"]["outcomes"] == len([o for o in outcomes if o.report_id.startswith("whole-")])
    assert told["stopped"]["outcomes"] == told["filed"]["reports"]
    assert "drawn" in told["outcomes"]["note"]


def test_audit_requests_on_the_topic_are_answered(broker: EmbeddedBroker) -> None:
    process = start(broker, run_id="audit", rate=500, reports=100, outcome_delay_seconds=2)
    assert process.stderr is not None
    for line in process.stderr:
        if '"filed"' in line:
            break
    with Sender(broker.settings()) as sender:
        for number in range(1, 41):
            name = f"audit-{number:07d}"
            now = datetime.now(UTC)
            ask = AuditRequest(
                agency_id="rivertown", report_id=name, request_id=f"q{number}", drawn_at=now, probability=0.4
            )
            sender.send(AUDIT_REQUESTS, *encode(ask, source="/test", time=now))
    answered: set[str] = set()
    with Reader(broker.settings(), [SOLVED_CASES]) as reader:
        deadline = time.monotonic() + PATIENCE
        while len(answered) < 38 and time.monotonic() < deadline:  # a drill or two are never answered
            for record in reader.read(1000, 0.2):
                event = decode(SolvedCase, record.key, record.value, record.headers)
                if event.audit is not None:
                    assert event.audit.probability == 0.4
                    answered.add(event.audit.request_id)
    process.terminate()
    assert process.wait(PATIENCE) == 0
    process.stderr.close()
    assert len(answered) >= 38


def test_a_scrape_tells_that_the_producer_is_up_and_what_it_sent(broker: EmbeddedBroker) -> None:
    process = start(broker, run_id="scrape", rate=500, reports=100, metrics_port=0)
    assert process.stderr is not None
    said: dict[str, dict[str, Any]] = {}
    while "filed" not in said:
        line = json.loads(process.stderr.readline())
        said[line["event"]] = line
    with urlopen(said["metrics"]["address"], timeout=10) as page:
        text = page.read().decode()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    process.stderr.close()
    sent = said["filed"]["revisions"] + said["filed"]["drills"]
    assert f'severity_cad_sent_total{{topic="crime-reports"}} {sent:.1f}' in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_wish_to_stop_ends_it_cleanly_with_everything_delivered(broker: EmbeddedBroker) -> None:
    process = start(broker, run_id="stop", rate=300)
    assert process.stderr is not None
    for line in process.stderr:
        if '"ready"' in line:
            break
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    told = tell(process)
    assert process.returncode == 0
    reports = [report for report in read(broker, "rivertown")[0] if report.report_id.startswith("stop-")]
    assert 0 < told["stopped"]["revisions"] + told["stopped"]["drills"] == len(reports)


def test_a_published_file_is_replayed_and_its_rows_are_accounted_for(broker: EmbeddedBroker, tmp_path: Path) -> None:
    path = write(tmp_path / "lapd.csv", [ROBBERY, THEFT, CHILD, THEFT | {"DR_NO": "?"}])
    process = start(
        broker, city="lapd", data=path, rate=100, outcome_delay_seconds=0.1, outcomes="solved", stay="false"
    )
    told = tell(process)
    assert process.returncode == 0
    assert (told["filed"]["rows"], told["filed"]["reports"]) == (4, 3)
    assert told["filed"]["skipped"] == {"bad-report-number": 1}
    assert "bad-report-number" in told["filed"]["problems"][0]
    assert "no closing dates" in told["city"]["note"]
    reports, outcomes = read(broker, "lapd")
    assert Counter(report.report_id for report in reports) == {"230100001": 1, "230100002": 1, "230100003": 1}
    assert {outcome.report_id for outcome in outcomes} == {"230100001", "230100003"}


def test_what_a_department_takes_back_later_is_published_after_its_first_word(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    taken_back = {"CodedMonth": "2014-03", "Count": "-1"}
    path = stlouis.write(tmp_path / "stlouis.parquet", [{}, {"Complaint": "14-000002"}, taken_back])
    process = start(
        broker, city="stlouis", data=path, rate=100, longest_wait=0.2, speed=1e9, outcomes="all", stay="false"
    )
    told = tell(process)
    assert process.returncode == 0
    assert (told["filed"]["reports"], told["filed"]["skipped"]) == (2, {})
    reports, outcomes = read(broker, "stlouis")
    assert {report.report_id for report in reports} == {"14-000001", "14-000002"}
    said = sorted((outcome.report_id, outcome.sequence, outcome.basis) for outcome in outcomes)
    assert said == [
        ("14-000001", 1, "classified"),
        ("14-000001", 2, "unfounded"),
        ("14-000002", 1, "classified"),
    ]


def test_a_broker_that_is_not_there_is_told_and_fails() -> None:
    with EmbeddedBroker({CRIME_REPORTS: 1}) as gone:
        pass
    process = start(
        gone, {"message.timeout.ms": "1000"}, run_id="gone", rate=10, reports=1, outcomes="solved", stay="false"
    )
    told = tell(process)
    assert process.returncode == 1
    assert told["failed"]["reason"]


def test_a_city_or_file_that_cannot_be_played_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n", encoding="utf-8")
    for city, data, told in (
        ("gotham", other, "choose simulated, lapd"),
        ("lapd", other, "DR_NO"),
        ("lapd", tmp_path / "none.csv", "none.csv"),
    ):
        assert run(CadSettings(city=city, data=data), Event()) == 1
        assert told in json.loads(capsys.readouterr().err)["detail"]


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="set data"):
        CadSettings(city="lapd")
    with pytest.raises(ValidationError, match="no data file"):
        CadSettings(data=tmp_path)
    with pytest.raises(ValidationError, match="solved"):
        CadSettings(outcomes="everything")


def test_a_simulated_city_ends_about_now() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert CadSettings(reports=1200, per_day=600).begin(now) == datetime(2026, 2, 27, 12, tzinfo=UTC)
    assert CadSettings(seconds=60, rate=100, per_day=6000).begin(now) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert CadSettings(seconds=24, speed=3600).begin(now) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert CadSettings(start=now).begin(now) == now
