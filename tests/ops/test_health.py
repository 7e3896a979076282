"""What /readyz and /livez tell: of a spare scorer, of a broker that stands still, and of a loop that does."""

import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.stream.running import SECONDS, read_until, scorer
from tests.stream.test_service import file_reports
from transport.embedded import EmbeddedBroker
from transport.local_kafka import LocalKafka
from transport.reader import Reader
from transport.sender import Sender


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: 1 for topic in topics.all_topics(1)}) as started:
        yield started


def asked(address: str, name: str = "readyz") -> tuple[int, dict[str, str]]:
    """The status, and what each check says."""
    try:
        with urllib.request.urlopen(address.replace("/metrics", f"/{name}"), timeout=10) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body)["checks"]


def checks(address: str) -> dict[str, str]:
    return asked(address)[1]


def wait_until(enough: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not enough():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_scorer_without_a_partition_is_ready_and_takes_over(broker: EmbeddedBroker, tmp_path: Path) -> None:
    kafka = broker.settings()
    _, trusted = new_pair(tmp_path / "keys")
    with (
        scorer(kafka, trusted.parent, model_wait_seconds=0) as first,
        scorer(kafka, trusted.parent, model_wait_seconds=0) as second,
        Reader(kafka, [topics.PRIORITIES]) as responder,
    ):
        addresses = [first.ready(), second.ready()]
        for address in addresses:
            assert set(checks(address).values()) == {"ok"}
            assert set(checks(address)) == {"assigned", "model", "broker", "running"}
        file_reports(kafka, range(20))
        read_until(responder, lambda records: len(records) >= 20)
        assert first.end() == 0
        file_reports(kafka, range(20, 40))
        assert len(read_until(responder, lambda records: len(records) >= 20)) >= 20
        assert set(checks(addresses[1]).values()) == {"ok"}
        assert second.end() == 0


@pytest.mark.kafka
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_while_its_broker_stands_still_a_scorer_is_alive_and_not_ready_and_then_ready_again(
    own: LocalKafka, tmp_path: Path
) -> None:
    _, trusted = new_pair(tmp_path / "keys")
    (node,) = own.nodes
    assert node.pid is not None
    with scorer(own.settings(), trusted.parent, model_wait_seconds=0) as running:
        address = running.ready()
        wait_until(lambda: asked(address)[0] == 200, "it is ready")
        os.kill(node.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: asked(address)[0] == 503, "it says that it is not")
            assert "no broker of" in checks(address)["broker"]
            assert asked(address, "livez") == (200, {"loop": "ok"})
        finally:
            os.kill(node.pid, signal.SIGCONT)
        wait_until(lambda: asked(address)[0] == 200, "it is ready again, by itself")
        file_reports(own.settings(), range(20))
        with Reader(own.settings(), [topics.PRIORITIES]) as responder:
            assert len(read_until(responder, lambda records: len(records) >= 20)) == 20
        assert running.end() == 0


class Log(list[str]):
    """What was read of a scorer's log; nobody reads it until `read_on`."""

    def __init__(self) -> None:
        self.read_on = threading.Event()

    def append(self, line: str) -> None:
        self.read_on.wait()
        super().append(line)


@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="how much a pipe holds can be said on Linux alone")
def test_a_scorer_whose_loop_hangs_is_not_alive(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Nobody reads its log any more, so whoever writes a line waits: the loop, and the watchdog as well."""
    fcntl = pytest.importorskip("fcntl")
    kafka = broker.settings()
    _, trusted = new_pair(tmp_path / "keys")
    with scorer(kafka, trusted.parent, model_wait_seconds=0) as running, Sender(kafka) as sender:
        address = running.ready()
        assert running.process.stderr is not None
        fcntl.fcntl(running.process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        running.lines = log = Log()

        def hangs() -> bool:
            for _ in range(50):
                sender.send(topics.CRIME_REPORTS, b"rivertown/1", b"that cannot be read, of which the log has a line")
            return asked(address, "livez")[0] == 503

        try:
            wait_until(hangs, "it says that it hangs")
            assert "the loop has not come round for" in asked(address, "livez")[1]["loop"]
        finally:
            log.read_on.set()
        wait_until(lambda: asked(address, "livez")[0] == 200, "somebody reads again, and it goes on")
        assert running.end() in (0, 1), "1 where the watchdog had left a loop behind, which may hold up the end"
