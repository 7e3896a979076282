"""A real Apache Kafka of one node on this machine's loopback, for tests, benches and `severity kafka up`.

Needs Java 17 or newer, and Maven the first time. The broker runs under `transport.guard`, so it ends when this process
does, also when that is killed.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from transport.errors import NoBroker
from transport.kafka_jars import kafka_jars
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics, wait_for_broker

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
CLUSTER: Final = "c2V2ZXJpdHktbG9jYWwwMA"
"""Its id: any 16 bytes in base64."""

OLDEST_JAVA: Final = 17
_JAVA: Final = (
    "-XX:+UseG1GC",  # with short pauses, since they are this broker's latency
    "-XX:MaxGCPauseMillis=20",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)


def find_java() -> str:
    """The `java` of `JAVA_HOME` or the PATH. Raises `NoBroker` when there is none, or it is older than 17."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise NoBroker("no-java", f"Kafka needs Java {OLDEST_JAVA} or newer; there is none in JAVA_HOME or on the PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoBroker("no-java", f"Kafka needs Java {OLDEST_JAVA} or newer; {java} says {told.strip()[:200]!r}")
    return java


class LocalKafka:
    """One KRaft node, bound to 127.0.0.1 on free ports; `start`, `stop`, `kill` may follow each other on one folder.

    Args:
        folder: for data and log; a temporary one, removed at the end, when None.
        topics: made at the start.
        port: where it listens; a free one when 0.
        heap_mb: Java's heap.
        config: server properties beside or instead of those here.
    """

    def __init__(
        self,
        folder: Path | None = None,
        topics: Sequence[TopicSpec] = (),
        *,
        port: int = 0,
        heap_mb: int = 512,
        config: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="severity-kafka-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(folder or "")
        self._topics = topics
        self._heap_mb = heap_mb
        free, self._controller_port = _free_ports(2)
        self._port = port or free
        self._config = config
        self._guard: subprocess.Popen[bytes] | None = None
        self.pid: int | None = None
        """The broker's own process, for tests that stop or kill it."""

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self._port}"

    def settings(self, group_id: str = "severity") -> KafkaSettings:
        """How to reach it."""
        return KafkaSettings(bootstrap_servers=self.bootstrap_servers, group_id=group_id)

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    def start(self) -> None:
        """Start and wait until it listens and has its topics. Raises `NoBroker`, also when it runs already."""
        if self._guard is not None:
            raise NoBroker("running", f"this broker runs already, at {self.bootstrap_servers}")
        java = [find_java(), f"-Xms{self._heap_mb}m", f"-Xmx{self._heap_mb}m", *_JAVA, "-cp", str(kafka_jars() / "*")]
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if not (self.folder / "data" / "meta.properties").exists():
            _format(java, properties)
        guard = subprocess.Popen(
            [sys.executable, "-m", "transport.guard", str(self.log), *java, "kafka.Kafka", str(properties)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._guard = guard
        self.pid = int(guard.stdout.readline()) if guard.stdout else None
        try:
            self._wait()
            create_topics(self.settings(), self._topics)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in order."""
        if self._guard is not None:
            self._guard.communicate()  # closes its standard input, for which it waits, and then waits for its end
            self._guard = self.pid = None

    def kill(self) -> None:
        """End it as a failing machine would; `start` goes on with what is on disk."""
        if self.pid is not None:
            os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows SIGTERM is as hard
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._guard is None or self._guard.poll() is not None:
                raise NoBroker("did-not-start", f"Kafka ended at once: {_tail(self.log)}")
            if time.monotonic() > deadline:
                raise NoBroker("did-not-start", f"no Kafka after {START_SECONDS:.0f} s: {_tail(self.log)}")
            time.sleep(0.05)
        if not wait_for_broker(self.settings(), START_SECONDS):
            raise NoBroker("did-not-start", f"it listens and does not answer: {_tail(self.log)}")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self._port)) == 0

    def _properties(self) -> dict[str, str]:
        client, controller = f"PLAINTEXT://{HOST}:{self._port}", f"CONTROLLER://{HOST}:{self._controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listeners": f"{client},{controller}",
            "advertised.listeners": client,
            "log.dirs": (self.folder / "data").as_posix(),
            # One node: its own topics cannot have more than one replica, and few partitions start faster.
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A group's first member gets its partitions at once.
            "group.initial.rebalance.delay.ms": "0",
            # How often the broker looks for transactions past their timeout, which hold read_committed readers: 10 s
            # by default.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            "auto.create.topics.enable": "false",
            "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
            **self._config,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _format(java: Sequence[str], properties: Path) -> None:
    tool = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool"]
    command = [*java, *tool, "format", "--cluster-id", CLUSTER, "--config", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBroker("did-not-start", f"its storage could not be formatted: {(done.stdout + done.stderr)[-2000:]}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else "it wrote no log"
