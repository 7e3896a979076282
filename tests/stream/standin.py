"""An assessor without a model or tables, for tests of what stands around it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.crime_report import CrimeReport
from schemas.priority import DeadLetterRef, ModelRef, Priority, Reason, SourcePosition
from severity.laps import Lap, untimed
from stream.agencies import Agencies, Limits
from stream.doubts import Doubts
from stream.ledger import Ledger
from stream.revisions import Revisions

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class _Everybody:
    """Holds whatever is looked for."""

    def __contains__(self, _: object) -> bool:
        return True


BELIEVING = Doubts(drills_from=_Everybody())
"""Believes every report whatever it says."""


def ledger(remembered: int = 1000, ratio: float = 0.5, in_a_row: int = 20) -> Ledger:
    """An empty one."""
    return Ledger(Revisions(remembered), Agencies(Limits(ratio, in_a_row)))


class Marked:
    """Scores every report 3 and marks it with its release; fails where `fails` says so."""

    def __init__(self, release: int = 1, fails: Callable[[CrimeReport], bool] = lambda _: False) -> None:
        self.model = ModelRef(name="severity", release=release, digest=f"{release:064x}")
        self._fails = fails

    def assess(
        self, reports: Sequence[CrimeReport], positions: Sequence[SourcePosition], now: datetime, lap: Lap = untimed
    ) -> list[Priority]:
        if any(map(self._fails, reports)):
            raise OverflowError("date value out of range")
        return [
            self._priority(
                report.agency_id,
                report.report_id,
                position,
                now,
                revision=report.revision,
                status=report.status,
                severity=3,
                decided_by="model",
                model=self.model,
            )
            for report, position in zip(reports, positions, strict=True)
        ]

    def triage(
        self, agency_id: str, report_id: str, dead_letter: DeadLetterRef, position: SourcePosition, now: datetime
    ) -> Priority:
        return self._priority(
            agency_id,
            report_id,
            position,
            now,
            revision=0,
            status="Actual",
            severity=None,
            decided_by="fallback",
            dead_letter=dead_letter,
        )

    def triage_readable(self, report: CrimeReport, reason: Reason, position: SourcePosition, now: datetime) -> Priority:
        if self._fails(report):
            raise OverflowError("date value out of range")
        return self._priority(
            report.agency_id,
            report.report_id,
            position,
            now,
            revision=report.revision,
            status=report.status,
            severity=None,
            decided_by="fallback",
            reasons=(reason,),
        )

    def _priority(
        self, agency_id: str, report_id: str, source: SourcePosition, now: datetime, **fields: Any
    ) -> Priority:
        return Priority(
            agency_id=agency_id, report_id=report_id, source=source, scored_at=now, score=None, probabilities=None,
            priority="P2", colour="#ff0000", target_minutes=None, eido_priority=5, degraded=False,
            needs_human_triage=fields["severity"] is None, policy_version="1", reported_at=None, **fields,
        )  # fmt: skip
