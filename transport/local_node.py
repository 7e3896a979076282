"""One node of a local Kafka: a process with its own folder, ports and log, broker and controller in one.

It runs under `transport.guard`, so it ends when this process does, also when that is killed.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from transport.errors import NoBroker
from transport.kafka_jars import kafka_jars

HOST: Final = "127.0.0.1"
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


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node is: its number in the cluster, from 1, and its ports on loopback.

    nodes_port: for other nodes, where clients have to prove who they are.
    """

    number: int
    port: int
    controller_port: int
    nodes_port: int


class Node:
    """`launch`, `stop` and `kill` may follow each other on one folder.

    Args:
        folder: for data and log.
        address: where it is.
        properties: the server's, all of them.
        heap_mb: Java's heap.
        users: arguments of the storage tool that make the cluster's users.
    """

    def __init__(
        self,
        folder: Path,
        address: Address,
        properties: Mapping[str, str],
        heap_mb: int,
        users: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.address = address
        self._properties = properties
        self._heap_mb = heap_mb
        self._users = users
        self._guard: subprocess.Popen[bytes] | None = None
        self.pid: int | None = None
        """The broker's own process, for tests that stop or kill it; None while it does not run."""

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.address.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "broker.log"

    def launch(self) -> None:
        """Start the process, which then joins its cluster by itself. Raises `NoBroker`, also when it runs already or
        something else listens on its port: else that would be taken for it."""
        if self._guard is not None:
            raise NoBroker("running", f"this broker runs already, at {self.bootstrap_servers}")
        if self._answers():
            raise NoBroker("port-taken", f"something listens at {self.bootstrap_servers}: end it, or take another port")
        heap = (f"-Xms{self._heap_mb}m", f"-Xmx{self._heap_mb}m")
        java = [find_java(), *heap, *_JAVA, "-cp", str(kafka_jars() / "*")]
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties.items()))
        if not (self.folder / "data" / "meta.properties").exists():
            _format(java, properties, self._users)
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "transport.guard", str(self.log), *java, "kafka.Kafka", str(properties)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = int(self._guard.stdout.readline()) if self._guard.stdout else None

    def listens(self) -> bool:
        """Whether clients can connect. Raises `NoBroker` when the process has ended."""
        if self._guard is None or self._guard.poll() is not None:
            raise NoBroker("did-not-start", f"Kafka ended at once: {self.last_words()}")
        return self._answers()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.address.port)) == 0

    def ask_to_end(self) -> None:
        """Have it begin to end, in order; `stop` waits for that. Nodes that end one by one wait for each other."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End it in order."""
        self.ask_to_end()
        if self._guard is not None:
            self._guard.wait()
            if self._guard.stdout is not None:
                self._guard.stdout.close()
            self._guard = self.pid = None

    def kill(self) -> None:
        """End it as a failing machine would; `launch` goes on with what is on disk."""
        if self.pid is not None:
            os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows SIGTERM is as hard
        self.stop()

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else "it has no log"


def _format(java: Sequence[str], properties: Path, users: Sequence[str]) -> None:
    tool = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool"]
    command = [*java, *tool, "format", "--cluster-id", CLUSTER, "--config", str(properties), *users]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBroker("did-not-start", f"its storage could not be formatted: {(done.stdout + done.stderr)[-2000:]}")
