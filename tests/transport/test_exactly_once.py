"""Exactly once on a real Kafka, whatever happens to a worker."""

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.transport.driving import drive, echo
from tests.transport.places import KafkaPlace
from transport.errors import LoopFailed
from transport.loop import Loop
from transport.observer import Observer
from transport.records import Record
from transport.transactions import Transactions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

COUNT = 2000


@contextlib.contextmanager
def worker(place: KafkaPlace, *, slot: str = "0", pace: float = 0.02) -> Iterator["subprocess.Popen[str]"]:
    """A worker's process with small batches; killed at the end if it still runs."""
    settings = place.settings.model_copy(update={"slot": slot, "max_batch": 50})
    command = [sys.executable, "-m", "tests.transport.worker", settings.model_dump_json()]
    command += [place.name("in"), place.name("out"), str(pace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", word: str, times: int = 1) -> None:
    """Read what a worker says until it has said `word` so many times."""
    assert process.stdout is not None
    while times:
        line = process.stdout.readline()
        assert line, f"the worker ended before it said {word}"
        times -= line.startswith(word)


def assert_once_each(records: list[Record]) -> None:
    """Every number below COUNT is there once, and in order within its key."""
    counted = Counter(int(record.value or b"") for record in records)
    assert counted == dict.fromkeys(range(COUNT), 1)
    latest: dict[bytes | None, int] = {}
    for record in records:
        assert latest.get(record.key, -1) < int(record.value or b"")
        latest[record.key] = int(record.value or b"")


def test_every_record_is_published_once_when_the_worker_is_killed_and_started_again(real: KafkaPlace) -> None:
    real.put_many(COUNT)
    for kill in range(3):
        with worker(real) as process:
            wait_for(process, "batch", times=3)
            time.sleep(random.Random(kill).random() * 0.05)
            process.kill()
    with worker(real, pace=0) as process:
        out = real.published("out", COUNT)
        process.terminate()
        assert process.wait(30) == 0
    assert_once_each(out)


def test_another_worker_goes_on_when_one_is_killed_and_not_started_again(real: KafkaPlace) -> None:
    real.put_many(COUNT)
    with worker(real, slot="a", pace=0.05) as first, worker(real, slot="b", pace=0.05) as second:
        wait_for(first, "batch", times=2)
        wait_for(second, "ready")
        first.kill()
        out = real.published("out", COUNT)
    assert_once_each(out)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process can handle")
def test_a_worker_that_is_terminated_finishes_its_batch_and_ends_with_code_0(real: KafkaPlace) -> None:
    real.put_many(COUNT)
    with worker(real, pace=0.2) as process:
        wait_for(process, "batch", times=2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    done = len(real.published("out", 0))
    assert done >= 2
    rest = drive(real.backend(), echo(real.name("out")), COUNT - done)
    assert len(rest.records) == COUNT - done
    assert_once_each(real.published("out", COUNT))


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_two_workers_share_the_partitions_and_each_record_is_published_once(real: KafkaPlace, protocol: str) -> None:
    real.settings = real.settings.model_copy(update={"client": {**real.settings.client, "group.protocol": protocol}})
    real.put_many(COUNT // 2)
    with worker(real, slot="a", pace=0.05) as first, worker(real, slot="b", pace=0.05) as second:
        for process in (first, second):
            wait_for(process, "ready")
        real.put_many(COUNT // 2, first=COUNT // 2)
        for process in (first, second):
            wait_for(process, "batch")
        out = real.published("out", COUNT)
        for process in (first, second):
            process.terminate()
            assert process.wait(30) == 0
    assert_once_each(out)


def test_an_older_worker_of_the_same_slot_is_fenced_and_publishes_nothing_more(real: KafkaPlace) -> None:
    older = Loop(real.backend(), echo(real.name("out")), between_batches=lambda: working.set())
    working = threading.Event()
    failures: list[LoopFailed] = []

    def run() -> None:
        try:
            older.run()
        except LoopFailed as failed:
            failures.append(failed)

    thread = threading.Thread(target=run)
    thread.start()
    assert working.wait(20)
    newer = Transactions(real.settings)
    newer.open(Observer())
    real.put(b"key", b"value")
    thread.join(20)
    newer.close()
    assert [failed.reason for failed in failures] == ["fenced"]
    assert real.published("out", 0) == []
