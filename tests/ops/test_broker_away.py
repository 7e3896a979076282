"""The broker is stopped and started again: scorer and trainer say so, go on by themselves, and lose nothing.

And both end within ten seconds of being asked to, with and without a broker.
"""

import json
import os
import signal
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from bench.worker import Worker, scorer
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.priority import Priority
from severity.artefact.keys import new_pair
from tests.stream.standin import NOW
from trainer.dataset.dataset import Dataset
from transport.local_kafka import LocalKafka
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]

AWAY_SECONDS: Final = float(os.environ.get("SEVERITY_TEST_AWAY_SECONDS", "9"))
"""Longer than a transaction, a session and the trainer's office last, so that each has to begin anew."""

SECONDS: Final = 90.0
DRAIN_SECONDS: Final = 10.0


def page(worker: Worker, name: str) -> tuple[int, Mapping[str, Any]]:
    try:
        with urllib.request.urlopen(worker.metrics_address.replace("metrics", name), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def wait_until(enough: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not enough():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def file(kafka: KafkaSettings, numbers: range) -> None:
    with Sender(kafka) as sender:
        for number in numbers:
            report = CrimeReport(agency_id="rivertown", report_id=str(number), reported_at=NOW)
            sender.send(topics.CRIME_REPORTS, *encode(report, source="cad", time=NOW))


def trainer(kafka: KafkaSettings, folder: Path) -> Worker:
    chosen = {
        "signing_key": folder / "keys" / "severity.private.pem",
        "dataset": folder / "dataset",
        "artefacts": folder / "releases",
        "metrics_port": 0,
        "batch_seconds": 0.2,
    }
    environment = {f"SEVERITY_TRAINER__{name.upper()}": str(value) for name, value in chosen.items()}
    return Worker(["-m", "cli.main", "trainer"], kafka, environment)


def ended_in(worker: Worker) -> tuple[int, float]:
    """Ask it to end; its exit code, and how many seconds it took."""
    began = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    code = worker.process.wait(SECONDS)
    return code, time.monotonic() - began


def test_both_say_that_the_broker_is_away_go_on_when_it_is_back_and_lose_nothing(
    own: LocalKafka, tmp_path: Path
) -> None:
    kafka = KafkaSettings(bootstrap_servers=own.bootstrap_servers, slot=uuid.uuid4().hex[:6])
    new_pair(tmp_path / "keys")
    dataset = tmp_path / "dataset"
    with ExitStack() as stack:
        responder = stack.enter_context(Reader(kafka, [topics.PRIORITIES]))
        scoring = stack.enter_context(scorer(kafka, tmp_path / "keys", model_wait_seconds=0))
        training = stack.enter_context(trainer(kafka, tmp_path))
        both = (scoring.wait(), training.wait())
        answered: list[str] = []

        def answers(count: int) -> bool:
            records = responder.read(1000, 0.2)
            answered.extend(decode(Priority, one.key, one.value, one.headers).report_id for one in records)
            return len(answered) >= count

        file(kafka, range(50))
        wait_until(lambda: all(page(one, "readyz")[0] == 200 for one in both), "both are ready")
        # Before the broker goes: one that stops within a transaction's last milliseconds may forget to end it.
        wait_until(lambda: answers(50), "the first reports are answered")
        wait_until(lambda: Dataset(dataset)["reports"].count() == 50, "reports are stored")

        own.stop()
        wait_until(lambda: all(page(one, "readyz")[0] == 503 for one in both), "both say that they are not")
        stopped = time.monotonic()
        for one in both:
            assert "no broker" in page(one, "readyz")[1]["checks"]["broker"]
            assert one.metrics()['severity_ready{check="broker"}'] == 0
            assert page(one, "livez")[0] == 200, "a restart would not help"
        time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - stopped)))
        own.start()

        file(kafka, range(50, 100))
        wait_until(lambda: all(page(one, "readyz")[0] == 200 for one in both), "both are ready again, by themselves")
        wait_until(lambda: answers(100), "every report is answered")
        wait_until(lambda: Dataset(dataset)["priorities"].count() >= 100, "every priority is stored")
        assert sorted(answered, key=int) == [str(number) for number in range(100)]
        for table in ("reports", "priorities"):
            stored = Dataset(dataset).query(f"SELECT report_id FROM {table}")["report_id"].to_pylist()
            assert sorted(map(int, stored)) == [*range(100)]

        code, took = ended_in(scoring)
        assert (code, took < DRAIN_SECONDS) == (0, True), took
        own.stop()
        code, took = ended_in(training)
        assert (code, took < DRAIN_SECONDS) == (0, True), took
