"""The local Kafka: how it ends, and what it refuses to run."""

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import absent
from transport.errors import NoBroker
from transport.kafka_jars import VERSION, kafka_jars
from transport.local_kafka import LocalKafka
from transport.local_node import find_java
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.topics import TopicSpec


def test_a_jar_that_is_not_the_listed_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / f"kafka-{VERSION}"
    folder.mkdir()
    (folder / "kafka-clients-4.3.1.jar").write_bytes(b"something else")
    with pytest.raises(NoBroker, match="jar-mismatch") as refused:
        kafka_jars(tmp_path)
    assert "kafka-clients-4.3.1.jar" in refused.value.detail


def test_without_maven_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoBroker, match="no-maven"):
        kafka_jars(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_java_the_error_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(NoBroker, match="no-java"):
        find_java()


@pytest.mark.skipif(sys.platform == "win32", reason="looks for the process in the POSIX way")
def test_a_port_that_is_taken_is_said_so_and_nobody_elses_broker_is_taken_for_ours(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        broker = LocalKafka(tmp_path, port=other.getsockname()[1])
        with pytest.raises(NoBroker, match="port-taken"):
            broker.start()


def test_a_guarded_program_ends_with_who_started_it(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
    command = [sys.executable, "-m", "transport.guard", str(tmp_path / "log"), *program]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert guard.stdout is not None
    pid = int(guard.stdout.readline())
    os.kill(pid, 0)
    guard.communicate()  # closes its standard input, as the system does for a parent that is gone
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.kafka
def test_what_was_written_outlives_a_kill_and_a_restart(tmp_path: Path) -> None:
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(LocalKafka(tmp_path, [TopicSpec("in", 2)], heap_mb=256))
        except NoBroker as error:
            absent(f"a local Kafka: {error}")
        with Sender(broker.settings()) as sender:
            sender.send("in", b"key", b"value")
        broker.kill()
        broker.start()
        with Reader(broker.settings(), ["in"]) as reader:
            found: list[Record] = []
            deadline = time.monotonic() + 30
            while not found and time.monotonic() < deadline:
                found += reader.read(10, 0.1)
        assert [record.value for record in found] == [b"value"]


@pytest.mark.kafka
def test_a_topic_with_three_replicas_takes_writes_while_a_broker_is_killed_and_after_it_is_back() -> None:
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(LocalKafka(topics=[TopicSpec("in", 3)], brokers=3, heap_mb=256))
        except NoBroker as error:
            absent(f"a local Kafka: {error}")
        for turn in range(2):
            with Sender(cluster.settings()) as sender:
                for number in range(30):
                    sender.send("in", b"%d" % number, b"%d" % turn)
            if turn == 0:
                cluster.kill(0)
        cluster.start(0)
        cluster.kill(1)
        with Reader(cluster.settings(), ["in"]) as reader:
            found: list[Record] = []
            deadline = time.monotonic() + 60
            while len(found) < 60 and time.monotonic() < deadline:
                found += reader.read(100, 0.1)
    assert sorted((record.value or b"", int(record.key or b"")) for record in found) == [
        (b"%d" % turn, number) for turn in range(2) for number in range(30)
    ]
