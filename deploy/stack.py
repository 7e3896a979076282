"""One running copy of docker-compose.yml, as deploy/check and deploy/rolling handle it. Python's own library alone, so
that both run where nothing but Docker and Python is installed.

Each has a project of its own, with volumes of its own and a free port: what else runs here from the same file is not
touched.
"""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).resolve().parent.parent

BENCH: Final = "/opt/bench"
"""Where a one-off container finds the checkout's `bench`, which the image does not have."""

LOOK_SECONDS: Final = 1.0
LAST_LINES: Final = 15


class NotUp(Exception):
    """What was waited for did not come: what, for how long, and what the services said last."""


class Stack:
    """While entered, up; taken down with its volumes at the end.

    Args:
        project: Compose's name for this copy.
        profiles: of docker-compose.yml.
        settings: SEVERITY_* of our services, beside the file's own.
    """

    def __init__(self, project: str, profiles: Sequence[str], settings: Mapping[str, str]) -> None:
        self._settings = ROOT / f".{project}.env"
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._command = ["docker", "compose", "--project-name", project, "--file", str(ROOT / "docker-compose.yml")]
        self._command += [f"--profile={profile}" for profile in profiles]
        self._environment = {**os.environ, "SEVERITY_ENV": str(self._settings), "PROMETHEUS_PORT": ""}

    def compose(self, *arguments: str) -> str:
        """`docker compose ARGUMENTS`; what it printed. Raises NotUp with what it complained of."""
        try:
            done = subprocess.run(
                [*self._command, *arguments], env=self._environment, check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            complaint = "\n".join(error.stderr.splitlines()[-LAST_LINES:])
            raise NotUp(f"docker compose {' '.join(arguments)}: exit code {error.returncode}\n{complaint}") from None
        return done.stdout

    def bench(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """`python -m MODULE ARGUMENTS` from the checkout's `bench`, in a container beside the services."""
        mount = ["--volume", f"{ROOT / 'bench'}:{BENCH}/bench:ro", "--env", f"PYTHONPATH=/opt/severity:{BENCH}"]
        command = [*self._command, "run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "python", *mount, "topics"]
        return subprocess.Popen(
            [*command, "-m", module, *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def state(self, service: str) -> dict[str, Any]:
        """What Docker knows of a service's container."""
        (container,) = self.compose("ps", "--all", "--quiet", service).split()
        return _inspect(container)

    def image_bytes(self, service: str) -> int:
        """Unpacked size of the image that a service runs."""
        return int(_inspect(self.state(service)["Image"])["Size"])

    def healthy(self, service: str) -> bool:
        """Whether it says so of itself."""
        return bool(self.state(service)["State"].get("Health", {}).get("Status") == "healthy")

    def query(self, expression: str) -> float:
        """The one value of a PromQL expression; NaN where there is none (yet)."""
        found = self.prometheus(f"query?{urllib.parse.urlencode({'query': expression})}")["result"]
        return float(found[0]["value"][1]) if found else float("nan")

    def prometheus(self, path: str) -> dict[str, Any]:
        """`data` of an answer of Prometheus' API."""
        address = self.compose("port", "prometheus", "9090").strip()
        with urllib.request.urlopen(f"http://{address}/api/v1/{path}", timeout=10) as answer:
            return dict(json.load(answer)["data"])

    def wait(self, what: str, seconds: float, there: Callable[[], bool]) -> float:
        """Until it is `there`; how many seconds that took. Raises NotUp."""
        began = time.monotonic()
        while not there():
            if time.monotonic() - began > seconds:
                raise NotUp(f"{what}: not after {seconds:.0f} s; the services said last\n{self._last_words()}")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def _last_words(self) -> str:
        return self.compose("ps", "--all") + self.compose("logs", "--no-color", f"--tail={LAST_LINES}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.compose("--profile=*", "down", "--volumes", "--remove-orphans")
        finally:
            self._settings.unlink()


def _inspect(what: str) -> dict[str, Any]:
    found = subprocess.run(["docker", "inspect", what], check=True, capture_output=True, text=True)
    (known,) = json.loads(found.stdout)
    return dict(known)


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)
