"""Promises of a dataset in an object store, on a local S3 server: the same as of one in a folder."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import boto3
import pytest
from deltalake.exceptions import CommitFailedError

from schemas import topics
from tests.trainer.events import START, CodeIsLevel, Outbox, outcome, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.erasure import erase
from trainer.dataset.intake import Intake
from trainer.dataset.traces import traces
from trainer.training.training_set import training_set

KEY = b"key"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A process of its own: a query holds this one's interpreter until it is answered."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{abs(hash(request.node.name))}"
    boto3.client("s3", endpoint_url=server).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/dataset"


def intake(dataset: Dataset) -> Intake:
    return Intake(dataset, Outbox(), AuditDraw(KEY, 0.1), lambda: START)


def test_what_is_taken_is_there_once_after_a_restart_a_repeat_and_a_compaction(url: str) -> None:
    events = records([report(n) for n in range(30)]) + records([outcome(n) for n in range(30)])
    for place in range(0, 60, 12):
        intake(Dataset(url)).take(events[place : place + 18])
    dataset = Dataset(url)
    before = training_set(dataset, CodeIsLevel())
    assert sorted(before.report_id) == sorted(f"r{n}" for n in range(30))
    for name in ("reports", "outcomes"):
        dataset[name].compact()
    again = training_set(Dataset(url), CodeIsLevel(), before.marks)
    assert again.digest() == before.digest()
    assert intake(Dataset(url)).starts() == {("crime-reports", 0): 30, ("solved-cases", 0): 30}


def test_of_two_writers_of_the_same_records_one_is_refused_and_nothing_is_doubled(url: str) -> None:
    writers = [intake(Dataset(url)) for _ in range(2)]
    refused: list[Exception] = []

    def take(writer: Intake) -> None:
        try:
            writer.take(records([report(n) for n in range(10)]))
        except CommitFailedError as error:
            refused.append(error)

    threads = [threading.Thread(target=take, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert Dataset(url)["reports"].count() == 10


def test_an_erased_report_is_in_no_object_and_does_not_come_back(url: str) -> None:
    dataset = Dataset(url)
    its = report(1, report_id="case-2026-4711")
    intake(dataset).take(records([report(2), its]))
    assert traces(url, "riverton", "case-2026-4711")
    erase(dataset, KEY, "riverton", "case-2026-4711", START)
    assert traces(url, "riverton", "case-2026-4711") == []
    taken = intake(Dataset(url)).take(records([its], first=2))
    assert (taken.erased, taken.rows[topics.CRIME_REPORTS]) == (1, 0)
