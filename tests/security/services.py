"""A service of ours as its own process, as an operator starts it; all that it says is kept."""

import base64
import json
import os
import queue
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.access import Access

SECONDS = 60.0


@dataclass(slots=True)
class Service:
    """`said`: its standard output and error so far."""

    process: "subprocess.Popen[str]"
    authority: Path
    access: Access
    said: list[str] = field(default_factory=list)
    _lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            self._lines.put(line)

    def hears(self, wanted: Callable[[str], bool]) -> str:
        """Wait for a line; what was said before the last one that was waited for is gone."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and (self.process.poll() is None or not self._lines.empty()):
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if wanted(line):
                return line
        raise AssertionError(f"not said; exit {self.process.poll()}; it said: {''.join(self.said)}")

    def ready(self) -> str:
        """Wait until it is; the address of its port."""
        line = self.hears(lambda line: '"event": "ready"' in line)
        address = json.loads(line[line.index("{") :])["metrics"]
        assert isinstance(address, str)
        return address.removesuffix("/metrics")

    def page(self, address: str) -> str:
        """What the port answers, with the password."""
        assert self.access.password_file is not None
        login = f"{self.access.username}:{self.access.password_file.read_text().strip()}"
        request = urllib.request.Request(address)
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:
            page: bytes = answer.read()
        return page.decode()


@contextmanager
def service(
    name: str, environment: Mapping[str, str], folder: Path, authority: Path, access: Access
) -> Iterator[Service]:
    """`severity NAME` in `folder`, with the operators' port guarded as `access` says; killed at the end if it runs."""
    prefix = f"SEVERITY_{name.upper()}__METRICS_"
    port = {
        "PORT": "0", "CERTIFICATE": access.certificate, "KEY": access.key, "USERNAME": access.username,
        "PASSWORD_FILE": access.password_file,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **{f"{prefix}{variable}": str(value) for variable, value in port.items()},
            **environment,
        },
    )
    running = Service(process, authority, access)
    listener = threading.Thread(target=running.listen, daemon=True)
    listener.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join()
        assert process.stdout is not None
        process.stdout.close()
