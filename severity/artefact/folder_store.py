"""Releases in a folder: each appears whole, by a rename, and no link is followed."""

import os
import shutil
import stat
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from severity.artefact.manifest import DIGEST, MANIFEST, ArtefactRefused, Refusal
from severity.artefact.store import MOST_FILES

WRITING: Final = ".writing"
"""Folder beside the releases where one is made before it gets its name, and goes before it is deleted."""

# Without following a link and without waiting at a named pipe; Windows has neither flag, and its own for plain bytes.
_FLAGS: Final[int] = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class Folder:
    """A `severity.artefact.store.Store`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.url = self.path.as_uri()

    def digests(self) -> list[str]:
        """See Store."""
        try:
            names = [path.name for path in self.path.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreachable(self.path, error) from error
        return [name for name in names if DIGEST.fullmatch(name) and (self.path / name / MANIFEST).is_file()]

    def files(self, digest: str) -> set[str]:
        """See Store."""
        folder = self.path / digest
        try:
            if folder.is_symlink():
                raise ArtefactRefused(Refusal.LOCATION, f"{folder} is a link: only the folder itself is read")
            with os.scandir(folder) as entries:
                return {entry.name for entry in islice(entries, MOST_FILES)}
        except OSError as error:
            raise _unreachable(folder, error) from error

    def read(self, digest: str, name: str, limit: int) -> bytes:
        """See Store. A link or a device is refused: it could lead to something that never ends."""
        path = self.path / digest / name
        try:
            if path.is_symlink():  # where the system's open follows links
                raise ArtefactRefused(Refusal.UNEXPECTED_FILE, f"{path} is a link")
            descriptor = os.open(path, _FLAGS)
            try:
                facts = os.fstat(descriptor)
                if not stat.S_ISREG(facts.st_mode):
                    raise ArtefactRefused(Refusal.UNEXPECTED_FILE, f"{path} is not a regular file")
                if facts.st_size > limit:
                    raise ArtefactRefused(Refusal.TOO_LARGE, f"{path} has {facts.st_size} bytes, more than {limit}")
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    content = file.read(limit + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _unreachable(path, error) from error
        if len(content) > limit:  # it grew
            raise ArtefactRefused(Refusal.TOO_LARGE, f"{path} is larger than {limit} bytes")
        return content

    def write(self, digest: str, contents: Mapping[str, bytes]) -> None:
        """See Store. Raises OSError when the disk is full: nothing is visible then."""
        folder, making = self.path / digest, self.path / WRITING / digest
        if folder.exists():
            return
        shutil.rmtree(making, ignore_errors=True)  # of a writer that died
        making.mkdir(parents=True)
        for name, content in contents.items():
            with (making / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(making)
        making.rename(folder)
        _sync(self.path)

    def remove(self, digest: str) -> None:
        """See Store."""
        folder, going = self.path / digest, self.path / WRITING / digest
        shutil.rmtree(going, ignore_errors=True)
        going.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(going)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreachable(folder, error) from error
        shutil.rmtree(going, ignore_errors=True)

    def sweep(self, before: datetime) -> None:
        """See Store."""
        making = self.path / WRITING
        for left in making.iterdir() if making.exists() else ():
            if left.stat().st_mtime < before.timestamp():
                shutil.rmtree(left, ignore_errors=True)


def _unreachable(path: Path, error: OSError) -> ArtefactRefused:
    return ArtefactRefused(Refusal.UNREACHABLE, f"{path} cannot be read: {error}")


def _sync(folder: Path) -> None:
    """Put a folder's own entries on the disk, where the system can: Windows opens no folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
