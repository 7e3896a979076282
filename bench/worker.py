"""A worker as a process of its own: started, waited for, watched from outside, and ended by its handle."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from transport.settings import KafkaSettings

START_SECONDS: Final = 120.0
"""How long a worker may take to be ready: generous, since numba compiles on a first start."""

END_SECONDS: Final = 20.0
SCRAPE_SECONDS: Final = 10.0

LINES: Final = 500
"""How many of its last lines are kept."""

NOTED: Final = 40
"""How many of them go into the notes of an error that ends its `with`."""


class Worker:
    """`python <arguments> --with-parent`, from its making until `close`; it ends with this process, however that ends.

    It says JSON lines with an `event` on standard error, `ready` once it has partitions to read.

    Args:
        arguments: what Python runs.
        kafka: how it reaches Kafka; also its slot, its delivery and its client's properties.
        environment: settings beside those.
    """

    def __init__(self, arguments: Sequence[str], kafka: KafkaSettings, environment: Mapping[str, str]) -> None:
        self.lines: deque[str] = deque(maxlen=LINES)
        """What it said last, line by line."""
        self.events: dict[str, dict[str, Any]] = {}
        """The newest JSON line of each event."""
        self.ready_at = 0.0
        """`time.perf_counter()` when it said that it is ready: its first assignment of partitions."""
        self._settled = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, *arguments, "--with-parent"],
            env={**os.environ, **_kafka_environment(kafka), **environment},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self._listener = threading.Thread(target=self._listen, args=(self.process.stderr,), daemon=True)
        self._listener.start()

    def wait(self) -> Self:
        """Until it is ready. Raises RuntimeError when it ends instead, with what it said."""
        if not self._settled.wait(START_SECONDS) or "ready" not in self.events:
            raise RuntimeError(f"not ready; exit code {self.process.poll()}; it said: {''.join(self.lines)}")
        return self

    @property
    def metrics_address(self) -> str:
        """Where it answers Prometheus."""
        return str(self.events["ready"]["metrics"])

    def metrics(self) -> dict[str, float]:
        """Every sample of its /metrics: the text before the value, to the value."""
        with urllib.request.urlopen(self.metrics_address, timeout=SCRAPE_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far, all threads; NaN where there is no /proc."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("nan")
        user, system = int(fields[11]), int(fields[12])  # proc(5): utime and stime, here counted from the state on
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it as a failing machine would."""
        self.process.kill()
        self.process.wait()

    def close(self) -> int:
        """End it in order; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._listener.join(END_SECONDS)  # it has read what was said last
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append(line)
            if line.startswith('{"event": '):
                event = json.loads(line)
                self.events[event["event"]] = event
                if event["event"] == "ready":
                    self.ready_at = time.perf_counter()
                    self._settled.set()
        self._settled.set()  # it has ended: nobody need wait any longer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None:
            error.add_note(f"{self.process.args} said last:\n{''.join([*self.lines][-NOTED:])}")


def scorer(
    kafka: KafkaSettings, keys: Path, *, program: Sequence[str] = ("cli.main", "scorer"), **settings: object
) -> Worker:
    """The scorer as deployed, being started; `settings` are `ScorerSettings`' by name, `keys` the trusted ones.

    Its releases lie beside the keys, as `bench.deployed` writes them.
    """
    chosen = {
        "trusted_keys": keys,
        "artefacts": keys.parent / "releases",
        "metrics_port": 0,
        "model_wait_seconds": START_SECONDS,
        **settings,
    }
    environment = {f"SEVERITY_SCORER__{name.upper()}": str(value) for name, value in chosen.items()}
    return Worker(["-m", *program], kafka, environment)


def _kafka_environment(kafka: KafkaSettings) -> dict[str, str]:
    return {
        f"SEVERITY_KAFKA__{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in kafka.model_dump(mode="json", exclude={"group_id"}, exclude_none=True).items()
    }
