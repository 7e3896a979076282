"""Reports of the simulated city with their outcomes, as events."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from schemas.solved_case import SolvedCase


def solved_cases(n: int, seed: int = 1) -> tuple[list[CrimeReport], list[SolvedCase]]:
    """The first `n` real cases and what became of them."""
    city = SimulatedCity(seed, datetime(2026, 1, 1, tzinfo=UTC))
    real = (case for case in city if case.report.status == "Actual" and not case.outcome.unfounded)
    cases = list(islice(real, n))
    outcomes = [
        SolvedCase(
            agency_id=case.report.agency_id,
            report_id=case.report.report_id,
            case_status=case.outcome.status,
            basis="solved" if case.outcome.cleared else "classified",
            closed_at=case.report.reported_at + timedelta(days=3),
            offences=case.outcome.offences,
        )
        for case in cases
    ]
    return [case.report for case in cases], outcomes
