"""The highest release that a scorer has used, kept over restarts: releases only ever rise.

Without it, whoever can write to `model-versions` could bring an old, properly signed release back. It also tells a
scorer that starts while the newest release is refused which one it used before.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from stream.errors import HighWaterUnreadable


@dataclass(frozen=True, slots=True)
class Mark:
    """A release, the digest of its manifest and where it lies; release 0: none yet."""

    release: int = 0
    digest: str = ""
    location: str = ""


class HighWater:
    """The mark of one model, in `path` when there is one (made with its folder at the first release).

    `least`: the least release that is taken even when nothing is known of the past.
    """

    def __init__(self, name: str, path: Path | None, least: int = 0) -> None:
        """Raises HighWaterUnreadable."""
        self._name = name
        self._path = path
        self._marks = _read(path) if path else {}
        self._least = Mark(least)

    @property
    def mark(self) -> Mark:
        """The highest release so far; without a digest where only its number is known."""
        return max(self._marks.get(self._name, Mark()), self._least, key=_rank)

    def learn(self, mark: Mark) -> None:
        """Take no release below `mark` either: others have used it. It is kept when we use it ourselves."""
        self._least = max(self._least, mark, key=_rank)

    def rise(self, mark: Mark) -> None:
        """Remember `mark`; the file is replaced as a whole, so that a crash leaves the old or the new one.

        A mark below the present one is left out.
        """
        if mark.release < self.mark.release:
            return
        self._marks[self._name] = mark
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps({name: asdict(mark) for name, mark in self._marks.items()}), encoding="utf-8")
        draft.replace(self._path)


def _rank(mark: Mark) -> tuple[int, bool]:
    return mark.release, bool(mark.digest)


def _read(path: Path) -> dict[str, Mark]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Mark(int(mark["release"]), str(mark["digest"]), str(mark["location"]))
            for name, mark in content.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise HighWaterUnreadable(
            "high-water-unreadable",
            f"cannot read the highest release so far from {path} ({type(error).__name__}): restore the file, or "
            "remove it if any signed release may be loaded",
        ) from error
