"""Tidying the tables in a process of its own: intake never waits for it, and its memory goes when it ends.

To join files takes several times the memory of what it joins, and an allocator keeps some of it for long. Intake and
erasures go on beside it: a join moves no mark, and where an erasure came between Delta refuses the join. Killed at any
point it leaves each table as it was, and at most files that no commit names, which a later one removes. It ends with
the trainer, however that ends: whoever puts back a copy of the tables must not find them written to.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from telemetry import logs
from telemetry.ending import WITH_PARENT, die_with_parent
from trainer.dataset.dataset import Dataset

PROGRAM: Final = ("-m", "trainer.dataset.tidying")
"""What Python is to run; the dataset's root and the tables' names follow."""

LONGEST: Final = timedelta(hours=1)
"""After which a tidying is taken for stuck, and killed; that of a large table takes minutes."""

NICE: Final = 10
"""How far it steps behind intake, and behind a scorer on the same machine."""

Ended = Callable[[str], None]
"""Told how a tidying ended: `done` or `failed`."""


class Tidying:
    """Call `step` often; it never waits, and what goes wrong with a tidying is told and tried again when next due."""

    def __init__(self, dataset: Dataset, ended: Ended, program: Sequence[str] = PROGRAM) -> None:
        self._dataset = dataset
        self._ended = ended
        self._program = program
        self._running: _Running | None = None

    def step(self, now: datetime) -> None:
        """Begin a tidying when a table is due, one at a time; deal with one that has ended."""
        if self._running is None:
            if due := self._dataset.due(now):
                self._begin(due, now)
        elif self._running.child.poll() is not None or now - self._running.began > LONGEST:
            running, self._running = self._running, None
            self._tried(running.names, now, running.end())

    def stop(self) -> None:
        """End one under way."""
        if self._running is not None:
            self._running.end()
            self._running = None

    def _begin(self, names: Sequence[str], now: datetime) -> None:
        command = [sys.executable, *self._program, str(self._dataset.root), *names, WITH_PARENT]
        try:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._running = _Running(child, names, now)
        except OSError as error:
            self._tried(names, now, f"its process could not begin: {error}")

    def _tried(self, names: Sequence[str], now: datetime, wrong: str | None) -> None:
        for name in names:
            self._dataset[name].tidied(now)
        self._ended("failed" if wrong else "done")
        if wrong:
            logs.tell("tidied", result="failed", tables=names, error=wrong)


@dataclass(frozen=True, slots=True)
class _Running:
    """A tidying under way, of which tables, and since when."""

    child: subprocess.Popen[str]
    names: Sequence[str]
    began: datetime

    def end(self) -> str | None:
        """Kill it if it has not ended; why it failed, None when it did not."""
        self.child.kill()
        said = self.child.communicate()[0].strip()
        code = self.child.returncode
        return None if code == 0 else said or f"its process ended with code {code}"


def main(*arguments: str) -> int:
    """Tidy the tables of a root, by name; 1, with the reason on standard output, when one could not be."""
    root, *names = (one for one in arguments if one != WITH_PARENT)
    if hasattr(os, "nice"):
        os.nice(NICE)
    if WITH_PARENT in arguments:
        die_with_parent()
    try:
        dataset = Dataset(root)
        for name in names:
            dataset[name].compact()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
