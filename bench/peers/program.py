"""A peer's process: started from its program, ended by closing its standard input."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from bench.peers.environments import python_of
from bench.peers.jars import streams_jars
from bench.peers.missing import Missing
from bench.peers.roster import Engine, Peer

PROGRAMS: Final = Path(__file__).parent / "programs"
END_SECONDS: Final = 15.0
LAST_WORDS: Final = 1500


def _streams() -> list[str]:
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        raise Missing("a Java development kit, 17 or newer (java and javac), is not on the PATH")
    return [java, "-Xmx1g", "-cp", f"{streams_jars()}/*", str(PROGRAMS / "Streams.java")]


def _python(package: str, file: str) -> Callable[[], list[str]]:
    return lambda: [str(python_of(package)), str(PROGRAMS / file)]


COMMANDS: Final[Mapping[Engine, Callable[[], list[str]]]] = MappingProxyType(
    {
        "kafka-streams": _streams,
        "quixstreams": _python("quixstreams", "quix.py"),
        "faststream": _python("faststream", "fast_stream.py"),
        "arroyo": _python("arroyo", "arroyo_.py"),
        "loop": lambda: [sys.executable, str(PROGRAMS / "our_loop.py")],
    }
)
"""How each engine's program is started, for those that have one here; each raises `Missing`, and fetches what it needs
the first time."""


class Program:
    """Running from its making until `close`; it ends with this process, however that ends."""

    def __init__(self, peer: Peer, bootstrap_servers: str, folder: Path) -> None:
        given = {
            "bootstrap": bootstrap_servers,
            "source": peer.source,
            "sink": peer.sink,
            "group": f"peers-{peer.name}",
            "folder": str(folder / peer.name),
            "options": dict(peer.options),
        }
        self._log = folder / f"{peer.name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*COMMANDS[peer.engine](), json.dumps(given)], stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def last_words(self) -> str:
        """What it printed at the end, and its exit code if it has ended."""
        text = self._log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip()
        return f"exit code {self._process.poll()}; it printed: {text or 'nothing'}"

    def close(self) -> None:
        """End it in order, or by force when it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
