"""Workers under a supervisor: those that are killed, and those that end by themselves and are started again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from bench.worker import START_SECONDS, Worker

LOOK_SECONDS: Final = 0.05
WORDS: Final = 3
"""Last lines that an error shows."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker that ended by itself: when, by `time.perf_counter()`, with which code, and the lines it said last."""

    slot: str
    at: float
    code: int
    lines: Sequence[str]


class Crew:
    """One worker a slot, made by `make`; while entered, nothing happens between two calls of `tend`."""

    def __init__(self, make: Callable[[str], Worker], slots: Sequence[str]) -> None:
        self._make = make
        self._workers: dict[str, Worker | None] = dict.fromkeys(slots)
        self.exits: list[Exit] = []

    @property
    def ready(self) -> bool:
        """Whether every slot has a worker that has had partitions."""
        return all(worker is not None and worker.ready_at > 0 for worker in self._workers.values())

    def start(self, slot: str) -> None:
        """Start the worker of a slot that has none."""
        self._workers[slot] = self._make(slot)

    def kill(self, slot: str) -> None:
        """End one as a failing machine would; it stays away until it is started."""
        if worker := self._workers[slot]:
            worker.kill()
            worker.close()
        self._workers[slot] = None

    def worker(self, slot: str) -> Worker:
        """The one that has this slot now."""
        worker = self._workers[slot]
        assert worker is not None, f"slot {slot} has no worker"
        return worker

    def tend(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> bool:
        """Start those again that ended by themselves, for so many seconds or until it is `enough`, which is told."""
        deadline = time.perf_counter() + seconds
        while not enough():
            for slot, worker in self._workers.items():
                if worker is not None and (code := worker.process.poll()) is not None:
                    worker.close()
                    self.exits.append(Exit(slot, time.perf_counter(), code, [*worker.lines]))
                    self.start(slot)
            if time.perf_counter() > deadline:
                return enough()
            time.sleep(LOOK_SECONDS)
        return True

    def wait_until_ready(self) -> None:
        """Raises RuntimeError when a worker is not, with what it said last."""
        if not self.tend(START_SECONDS, lambda: self.ready):
            said = {slot: [*worker.lines][-WORDS:] for slot, worker in self._workers.items() if worker}
            raise RuntimeError(f"not ready after {START_SECONDS:.0f} s: {said}; {len(self.exits)} ended by themselves")

    def close(self) -> list[int]:
        """End all in order; their exit codes."""
        codes = [worker.close() for worker in self._workers.values() if worker]
        self._workers = dict.fromkeys(self._workers)
        return codes

    def __enter__(self) -> Self:
        for slot in self._workers:
            self.start(slot)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
