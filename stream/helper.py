"""A process of our own that answers one question and ends: for work that would hold the scorer's interpreter."""

import subprocess
import sys
from enum import StrEnum
from typing import Final

from stream.errors import ScorerError

LOWER_PRIORITY: Final[int] = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
"""Windows has priority classes; elsewhere the process makes itself nice."""


class HelperFailure(StrEnum):
    """Why no answer came."""

    CRASHED = "helper-crashed"
    TIMED_OUT = "helper-timed-out"


class HelperFailed(ScorerError):
    """No answer; `reason` is a HelperFailure."""


class Helper:
    """Runs `python -m <module>`, which reads the question on standard input and writes the answer on standard output.

    A process answers one question, so that its memory goes; `prepare` starts the next one ahead, which has then
    imported what it needs. One thread asks; any may stop. `timeout`: seconds until an answer is given up.
    """

    def __init__(self, module: str, timeout: float) -> None:
        self._module = module
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def prepare(self) -> None:
        """Start the process for the next question, if there is none."""
        if self._stopped or (self._process is not None and self._process.poll() is None):
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=LOWER_PRIORITY,
        )
        if self._stopped:
            self._process.kill()

    def ask(self, question: bytes) -> bytes:
        """The answer. Raises HelperFailed."""
        self.prepare()
        if self._process is None:
            raise HelperFailed(HelperFailure.CRASHED, f"{self._module} was stopped")
        with self._process as process:
            try:
                answer, problems = process.communicate(question, self._timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                detail = f"{self._module} did not answer within {self._timeout:g} s"
                raise HelperFailed(HelperFailure.TIMED_OUT, detail) from None
            finally:
                self._process = None
        if process.returncode != 0:
            lines = problems.decode(errors="replace").strip().splitlines() or ["no message"]
            detail = f"{self._module} ended with {process.returncode}: {lines[-1]}"
            raise HelperFailed(HelperFailure.CRASHED, detail)
        return answer

    def stop(self) -> None:
        """End the process, whether it waits or is at work, and start no more."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()
