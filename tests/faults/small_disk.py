"""A small disk that can be filled."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import absent


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own at `folder`, gone at the end."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        absent("a small disk: needs Linux and root")
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m"]
    done = subprocess.run(["mount", *options, "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        absent(f"a small disk: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path) -> None:
    """Write until there is no room for one byte more."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))
