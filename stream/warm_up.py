"""The warm-up of a release before the loop gets it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from schemas.crime_report import CrimeReport
from schemas.priority import SourcePosition
from stream.errors import ReleaseRefused
from stream.work import Assess

TOO_SLOW: Final = "too-slow"
"""Reason of a refusal: one report takes longer than the scorer allows."""

FAILS: Final = "fails-here"
"""Reason of a refusal: the model fails on a golden report in the scorer's own process."""

REPORTS: Final = 20
"""Golden reports that are scored, one at a time."""


def warm_up(
    assessor: Assess,
    golden: Sequence[CrimeReport],
    *,
    slowest_ms: float,
    now: datetime,
    timer: Callable[[], float],
) -> None:
    """Score golden reports, so that code and caches are warm before a real one comes.

    The fastest counts, since the loop works beside this thread. Raises ReleaseRefused when even that takes longer than
    `slowest_ms` milliseconds, and when the rules had to answer in the model's place.
    """
    position = SourcePosition(topic="golden", partition=0, offset=0)
    fastest = float("inf")
    for report in golden[:REPORTS]:
        began = timer()
        (priority,) = assessor.assess([report], [position], now)
        fastest = min(fastest, timer() - began)
        if priority.degraded:
            raise ReleaseRefused(FAILS, f"the model fails on golden report {report.agency_id}/{report.report_id}")
    if golden and fastest * 1000 > slowest_ms:
        raise ReleaseRefused(TOO_SLOW, f"{fastest * 1000:.1f} ms for one report, at most {slowest_ms:g} ms are allowed")
