"""The embedded broker as a process of its own."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from transport import embedded
from transport.embedded import EmbeddedBroker
from transport.errors import NoBroker
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings


@contextlib.contextmanager
def process(*options: str) -> Iterator["tuple[subprocess.Popen[str], KafkaSettings]"]:
    command = [sys.executable, "-m", "transport.embedded", "--topic", "in:3", "--topic", "out:1", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as broker:
        try:
            assert broker.stdout is not None
            servers = json.loads(broker.stdout.readline())["bootstrap_servers"]
            yield broker, KafkaSettings(bootstrap_servers=servers, delivery="at-least-once", embedded=True)
        finally:
            broker.kill()


def test_other_processes_write_to_it_and_read_from_it() -> None:
    with process() as (_, settings):
        with Sender(settings) as sender:
            for number in range(30):
                sender.send("in", b"%d" % number, b"value")
        found: list[Record] = []
        with Reader(settings, ["in"]) as reader:
            deadline = time.monotonic() + 30
            while len(found) < 30 and time.monotonic() < deadline:
                found += reader.read(100, 0.1)
            assert {partition for partition in range(3) if reader.watermarks("in", partition)[1]} == {0, 1, 2}
        assert {record.key for record in found} == {b"%d" % number for number in range(30)}


def test_it_ends_when_its_parent_does() -> None:
    with process("--with-parent") as (broker, _):
        assert broker.stdin is not None
        broker.stdin.close()
        assert broker.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process can handle")
def test_it_ends_on_sigterm_with_code_0() -> None:
    with process() as (broker, _):
        broker.send_signal(signal.SIGTERM)
        assert broker.wait(20) == 0


def test_a_topic_without_a_number_of_partitions_is_refused() -> None:
    command = [sys.executable, "-m", "transport.embedded", "--topic", "in"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "NAME:PARTITIONS" in done.stderr


def test_a_library_without_a_mock_cluster_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "librdkafka.so"
    empty.write_bytes(b"")
    monkeypatch.setattr(embedded, "library_path", lambda: str(empty))
    with pytest.raises(NoBroker, match=r"librdkafka\.so"):
        EmbeddedBroker({"in": 1})
