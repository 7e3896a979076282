"""`severity scorer`: the process that turns `crime-reports` into `priorities`."""

import os
from typing import Final

from stream.settings import ScorerSettings
from telemetry import logs

THREAD_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""One thread a process: with more, a busy neighbour made a one-row predict take 4.8 s."""


def run(settings: ScorerSettings) -> int:
    """Score until SIGTERM or Ctrl-C; the process's exit code. For the main thread."""
    logs.start("scorer")
    for name in THREAD_LIMITS:
        os.environ.setdefault(name, "1")
    from stream.worker import work  # numpy, which it imports, reads the limits once

    return work(settings)
