"""A broker whose certificate has expired: the log says so, alerts see it, nothing is lost, and mending it is enough."""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import encode
from severity.artefact.keys import new_pair
from tests.conftest import absent
from tests.security.authority import Authority
from tests.stream.running import SECONDS, Running, read_until, scorer, scrape, scrape_until
from tests.stream.standin import NOW
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka
from transport.local_security import ADMIN, LocalSecurity
from transport.reader import Reader
from transport.sender import Sender
from transport.topics import TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

NAMES = [topic.name for topic in topics.all_topics(1)]
EACH = 20


def file_reports(sender: Sender, first: int) -> None:
    for number in range(first, first + EACH):
        report = CrimeReport(agency_id="rivertown", report_id=str(number), reported_at=NOW)
        sender.send(topics.CRIME_REPORTS, *encode(report, source="test", time=NOW))


def told(running: Running) -> list[str]:
    return [line for line in running.lines if "is refused: certificate has expired" in line]


def test_an_expired_certificate_is_told_and_nothing_is_lost_until_it_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, password = Authority(tmp_path), tmp_path / "password"
    password.write_text("of-the-administrator")
    security = LocalSecurity(authority.server("broker"), authority.file, {ADMIN: password})
    broker = LocalKafka(tmp_path / "kafka", [TopicSpec(name) for name in NAMES], security=security, heap_mb=384)
    try:
        broker.start()
    except NoBroker as error:
        absent(f"a guarded Kafka: {error}")
    kafka = broker.settings()
    for name in ("security_protocol", "ssl_ca", "sasl_username", "sasl_password_file"):
        monkeypatch.setenv(f"SEVERITY_KAFKA__{name.upper()}", str(getattr(kafka, name)))
    new_pair(tmp_path / "keys")
    try:
        with scorer(kafka, tmp_path / "keys", model_wait_seconds=0) as running, Sender(kafka) as sender:
            metrics = running.ready()
            file_reports(sender, 0)
            sender.flush()
            scrape_until(metrics, "severity_reports_in_total", lambda count: count == EACH)
            with Reader(kafka, [topics.PRIORITIES]) as reader:  # all of it ended: what follows is about certificates,
                read_until(reader, lambda records: len(records) >= EACH)  # not about a broker that forgets an end

            broker.kill()
            authority.server("broker", timedelta(seconds=-1))
            broker.nodes[0].launch()
            file_reports(sender, EACH)
            deadline = time.monotonic() + SECONDS
            while not (said := told(running)) and time.monotonic() < deadline:
                ready = scrape(metrics)['severity_ready{check="broker"}']  # it looks when somebody asks
                time.sleep(0.2)
            assert said, running.lines
            assert ready == 0

            broker.kill()
            authority.server("broker")
            broker.start()
            sender.flush(60)
            with Reader(kafka, [topics.PRIORITIES]) as reader:
                answers = read_until(reader, lambda records: len(records) >= 2 * EACH)
                answers += read_until(reader, lambda _: reader.caught_up)
            assert sorted(int((each.key or b"").split(b"/")[1]) for each in answers) == [*range(2 * EACH)]
            scrape_until(metrics, 'severity_ready{check="broker"}', lambda ready: ready == 1)
            assert running.end() == 0
    finally:
        broker.kill()
