"""The services of a demo as child processes: started, found ready, ended by closing their standard input."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO, cast

END_WITHIN: Final = 20.0
"""Seconds a service has to end by itself before it is killed."""


class ServiceFailed(RuntimeError):
    """A service of the demo ended, or was not ready in time; the message holds the end of its log."""


class Service:
    """One `severity <name>` in a process of its own. Its log goes to `log`; `said`: its last JSON line by event."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.said: dict[str, dict[str, Any]] = {}
        self._is_ready = threading.Event()
        self._last: deque[str] = deque(maxlen=12)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", name, "--with-parent"],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal reaches its whole group; the demo itself ends the services, in order.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._stdin = cast(TextIO, self._process.stdin)
        self._reader = threading.Thread(target=self._follow, args=(self._process.stderr, log), daemon=True)
        self._reader.start()

    def _follow(self, lines: TextIO, log: Path) -> None:
        with log.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                file.flush()
                self._last.append(line)
                if line.startswith("{"):
                    self._note(line)
        self._is_ready.set()

    def _note(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if isinstance(said, dict) and "event" in said:
            self.said.pop(said["event"], None)
            self.said[said["event"]] = said
            if said["event"] == "ready":
                self._is_ready.set()

    def wait_ready(self, seconds: float) -> None:
        """Until the service has said that it is ready. Raises `ServiceFailed` when it ends or `seconds` pass."""
        if not self._is_ready.wait(seconds) or "ready" not in self.said:
            raise ServiceFailed(f"{self.name} was not ready within {seconds:.0f} s:\n{''.join(self._last)}")

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raises `ServiceFailed` when the service has ended with an error."""
        if self.exit_code:
            self._reader.join(2)
            raise ServiceFailed(f"{self.name} ended with code {self.exit_code}:\n{''.join(self._last)}")

    def end(self) -> int:
        """End it cleanly, else kill it; its exit code."""
        self._stdin.close()
        try:
            code = self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join(2)
        return code


class Services:
    """Several services that end together, the last started first."""

    def __init__(self, log_folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = log_folder
        self._environment = environment
        self._running: dict[str, Service] = {}

    def start(self, name: str, environment: Mapping[str, str]) -> Service:
        """Start `severity <name>` with these settings added to the common ones."""
        service = Service(name, {**self._environment, **environment}, self._folder / f"{name}.log")
        self._running[name] = service
        return service

    def check(self) -> None:
        """Raises `ServiceFailed` when one has failed."""
        for service in self._running.values():
            service.check()

    def __getitem__(self, name: str) -> Service:
        return self._running[name]

    def end(self) -> dict[str, int]:
        """End all; name → exit code."""
        return {name: service.end() for name, service in reversed(self._running.items())}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
