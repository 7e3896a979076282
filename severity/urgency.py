"""How urgent a report is: what it says itself, else what its times leave no doubt about."""

from datetime import timedelta
from typing import Final

from schemas.crime_report import CrimeReport, Urgency

PAST_AFTER: Final = timedelta(hours=24)
"""What ended longer ago than this before it was reported is past. A whole day, since some agencies file days only."""


def urgency_of(report: CrimeReport) -> Urgency | None:
    """The report's own urgency; where it gives none, "past" if it ended more than 24 h before it was reported.

    None is unknown, and unknown is not "past": without an end, the beginning counts only when it is the one time given.
    """
    if report.urgency is not None:
        return report.urgency
    ended = report.occurred_to or report.occurred_from
    return "past" if ended is not None and report.reported_at - ended > PAST_AFTER else None
