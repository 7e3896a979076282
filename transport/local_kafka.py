"""A real Apache Kafka of one node on this machine's loopback, for tests, benches and `severity kafka up`.

Needs Java 17 or newer, and Maven the first time. The broker runs under `transport.guard`, so it ends when this process
does, also when that is killed.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from transport.errors import NoBroker
from transport.kafka_jars import kafka_jars
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_CLUSTER: Final = "c2V2ZXJpdHktbG9jYWwwMA"  # any 16 bytes in base64
_OLDEST_JAVA: Final = 17


def find_java() -> str:
    """The `java` of `JAVA_HOME` or the PATH. Raises `NoBroker` when there is none, or it is older than 17."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise NoBroker("no-java", f"Kafka needs Java {_OLDEST_JAVA} or newer; there is none in JAVA_HOME or on the PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 - found
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise NoBroker("no-java", f"Kafka needs Java {_OLDEST_JAVA} or newer; {java} says {told.strip()[:200]!r}")
    return java


class LocalKafka:
    """One KRaft node, bound to 127.0.0.1 on free ports; `start`, `stop`, `kill` may follow each other on one folder.

    Args:
        folder: for data and log; a temporary one, removed at the end, when None.
        topics: made at the start.
        heap_mb: Java's heap.
        config: server properties beside or instead of those here.
    """

    def __init__(
        self,
        folder: Path | None = None,
        topics: Sequence[TopicSpec] = (),
        *,
        heap_mb: int = 512,
        config: dict[str, str] | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="severity-kafka-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(folder or "")
        self._topics = topics
        self._heap_mb = heap_mb
        self._port, self._controller_port = _free_ports(2)
        self._config = config or {}
        self._guard: subprocess.Popen[str] | None = None
        self.pid: int | None = None
        """The broker's own process, for tests that stop or kill it."""

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._port}"

    def settings(self, group_id: str = "severity") -> KafkaSettings:
        """How to reach it."""
        return KafkaSettings(bootstrap_servers=self.bootstrap_servers, group_id=group_id)

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    def start(self) -> None:
        """Start and wait until it listens and has its topics. Raises `NoBroker`."""
        java = [find_java(), f"-Xmx{self._heap_mb}m", f"-Xms{self._heap_mb}m", "-cp", str(kafka_jars() / "*")]
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if not (self.folder / "data" / "meta.properties").exists():
            _run([*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)])
        self._guard = subprocess.Popen(  # noqa: S603 - our own module and the found java
            [sys.executable, "-m", "transport.guard", str(self.log), *java, *_LOGGING, "kafka.Kafka", str(properties)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline())
        try:
            self._wait_until_it_listens()
            create_topics(self.settings(), self._topics)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it in order; after a while, without."""
        if self._guard is None:
            return
        ...

    def kill(self) -> None:
        """End it as a failing machine would; `start` goes on with what is on disk."""
