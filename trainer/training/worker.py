"""A training in a process of its own, so that intake and metrics never wait and its memory goes when it ends.

The child (`python -m trainer.training.run JOB`) gets its job as JSON and answers on standard output with a line of JSON
for each step of progress and one for the result. It runs at a low priority and with few threads. A child that fails or
is killed leaves nothing behind that anybody reads: an artefact becomes visible when it is whole, and is announced by
the parent, with which the child ends.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from telemetry.ending import WITH_PARENT
from trainer.training.job import Job, Result

LOWER_PRIORITY: Final[int] = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""Windows has priority classes; elsewhere the child makes itself nice."""

THREAD_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Progress:
    """The stage under way and the share of the whole that is done before it."""

    stage: str
    done: float


class TrainingFailed(RuntimeError):
    """A training's process ended without a result."""


PROGRAM: Final = ("-m", "trainer.training.run")
"""What Python is to run; the job follows."""


class Worker:
    """A training under way. `threads`: how many the child may use."""

    def __init__(self, job: Job, threads: int, program: Sequence[str] = PROGRAM) -> None:
        self._progress = Progress("starting", 0.0)
        self._result: Result | None = None
        self._misheard = ""
        self._child = subprocess.Popen(
            [sys.executable, *program, job.model_dump_json(), WITH_PARENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(THREAD_LIMITS, str(threads))},
            creationflags=LOWER_PRIORITY,
        )
        self._listener = threading.Thread(target=self._listen, args=(self._child.stdout,), daemon=True)
        self._listener.start()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._progress

    def ended(self) -> bool:
        """Whether the child is gone and all that it said was heard."""
        return not self._listener.is_alive()

    def result(self) -> Result:
        """What came of it, once it has ended. Raises `TrainingFailed` when the child ended without a result."""
        self._listener.join()
        code = self._child.wait()
        if self._result is None:
            raise TrainingFailed(
                f"the training's process ended with code {code} before it had a result{self._misheard}"
            )
        return self._result

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()
        self._listener.join()
        self._child.wait()

    def _listen(self, lines: IO[bytes] | None) -> None:
        try:
            for line in lines or ():
                self._hear(json.loads(line))
        except (ValueError, LookupError) as error:
            # A child that cannot be understood would wait for ever for somebody to read the rest.
            self._misheard = f", having said what cannot be understood: {error}"
            self._child.kill()

    def _hear(self, said: Mapping[str, object]) -> None:
        if "result" in said:
            self._result = Result.model_validate(said["result"])
        else:
            self._progress = Progress(str(said["stage"]), float(str(said["done"])))
