"""A scorer as a real process, and what its readers see."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from transport.reader import Reader
from transport.records import Record
from transport.settings import KafkaSettings

PROGRAM = """
from stream.service import run
from stream.settings import ScorerSettings
raise SystemExit(run(ScorerSettings()))
"""
SECONDS = 120.0
"""Until a test gives up waiting: generous, since what is waited for comes in a moment on a quiet machine."""


@dataclass
class Running:
    """A scorer that has been started; `lines`: its standard error so far."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)
    _said: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append(line)
            self._said.put(line)

    def ready(self) -> str:
        """Wait for the ready line; the address of /metrics."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and (self.process.poll() is None or not self._said.empty()):
            try:
                line = self._said.get(timeout=0.2)
            except queue.Empty:
                continue
            if line.startswith('{"event": "ready"'):
                address = json.loads(line)["metrics"]
                assert isinstance(address, str)
                return address
        raise AssertionError(f"not ready; exit {self.process.poll()}; it said: {''.join(self.lines)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@contextmanager
def scorer(
    kafka: KafkaSettings, trusted_keys: Path, *, folder: Path | None = None, **settings: object
) -> Iterator[Running]:
    """A scorer of its own process on `kafka`, in the working folder `folder`, with `settings` of `ScorerSettings` by
    name."""
    environment = {
        **os.environ,
        "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SEVERITY_KAFKA__EMBEDDED": str(kafka.embedded),
        "SEVERITY_KAFKA__DELIVERY": kafka.delivery,
        "SEVERITY_KAFKA__FRESH_FIRST": str(kafka.fresh_first),
        "SEVERITY_KAFKA__MAX_BATCH": str(kafka.max_batch),
        "SEVERITY_SCORER__METRICS_PORT": "0",
        "SEVERITY_SCORER__TRUSTED_KEYS": str(trusted_keys),
        "SEVERITY_SCORER__ARTEFACTS": str(trusted_keys.parent / "releases"),  # as tests.stream.releases has them
        **{f"SEVERITY_SCORER__{name.upper()}": str(value) for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True, env=environment, cwd=folder
    )
    running = Running(process)
    assert process.stderr is not None
    listener = threading.Thread(target=running.listen, args=(process.stderr,), daemon=True)
    listener.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join()
        process.stderr.close()


def read_until(reader: Reader, enough: Callable[[list[Record]], bool]) -> list[Record]:
    """What the reader gives until it is enough, or `SECONDS` are over."""
    records: list[Record] = []
    deadline = time.monotonic() + SECONDS
    while not enough(records) and time.monotonic() < deadline:
        records += reader.read(1000, 0.2)
    return records


def scrape(address: str) -> Mapping[str, float]:
    """Every sample of /metrics: its text up to the value → value."""
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def scrape_until(address: str, sample: str, enough: Callable[[float], bool]) -> Mapping[str, float]:
    """/metrics once a sample of it (absent: 0) is enough: a batch is counted a moment after it can be read."""
    deadline = time.monotonic() + SECONDS
    while not enough((seen := scrape(address)).get(sample, 0.0)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
