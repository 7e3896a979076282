"""What a report says of itself and is not simply believed: that it is only a drill, and when it was reported.

It is scored and published as any other, and marked for a person. A real report that its sender's system marks as a test
by mistake, or by malice, would otherwise be where no responder looks; and a clock that is ahead makes ages and delays
wrong, which the model learns from.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.crime_report import CrimeReport
from schemas.priority import Priority, Reason
from severity.reasons import MOST

NOT_ITS_DRILL: Final = Reason(
    code="drill-not-allowed",
    text="filed as a drill, which this agency is not known to hold: real until a person knows better",
)
AHEAD: Final = Reason(
    code="clock-ahead", text="filed with a time that is yet to come: the clock of the system that filed it is ahead"
)


@dataclass(frozen=True, slots=True)
class Doubts:
    """drills_from: agencies whose drills are believed. ahead_seconds: how far a report's time may lie after the
    broker's own when it came; clocks differ a little."""

    drills_from: Container[str]
    ahead_seconds: float = math.inf

    def about(self, report: CrimeReport, arrived_ms: int) -> list[Reason]:
        """What a person has to know of it, if anything. arrived_ms: by the broker's clock; below 0, it has none."""
        found = []
        if report.status != "Actual" and report.agency_id not in self.drills_from:
            found.append(NOT_ITS_DRILL)
        if arrived_ms >= 0 and report.reported_at.timestamp() - arrived_ms / 1000 > self.ahead_seconds:
            found.append(AHEAD)
        return found


def doubted(priority: Priority, why: Sequence[Reason]) -> Priority:
    """The same for a person to look at, the doubts being told first; what no longer has room is in the rest."""
    reasons = (*why, *priority.reasons)
    other = priority.other_contribution
    if other is not None:
        other += sum(reason.contribution or 0.0 for reason in reasons[MOST:])
    update = {"needs_human_triage": True, "reasons": reasons[:MOST], "other_contribution": other}
    return priority.model_copy(update=update)
