"""A Python environment for each peer, made once from its pinned list and kept beside the other downloads.

One each, since their pins of confluent-kafka differ; none of it touches the environment of this project.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.peers.missing import Missing
from transport.kafka_jars import cache_folder

REQUIREMENTS: Final = Path(__file__).parent / "requirements"


def python_of(package: str) -> Path:
    """The interpreter that has `package` installed as `requirements/<package>.txt` pins it. Raises `Missing`."""
    pins = REQUIREMENTS / f"{package}.txt"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    folder = cache_folder() / "peers" / f"{package}-{digest}-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    complete = folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)], package)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        _run([str(python), *install, "-r", str(pins)], package)
        complete.touch()
    return python


def _run(command: list[str], package: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{package} could not be installed: {(done.stdout + done.stderr)[-1000:].strip()}")
