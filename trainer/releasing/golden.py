"""Golden reports: what a scorer scores again before it believes a release that it loaded.

A release is signed and travels; it must hold nobody's report, or erasing one would break it. So each field of a golden
report comes from another real one, drawn anew for every field, its times are moved by up to half a day, its place is
rounded to about a kilometre, and its number is made up.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from schemas.crime_report import CrimeReport, Location

GOLDEN_ROWS: Final = 64
"""How many there are."""

TOGETHER: Final = frozenset({"reported_at", "occurred_from", "occurred_to"})
"""Fields that only make sense beside each other, moved as one."""

MOVED: Final = timedelta(hours=12)
"""Most that the times are moved by."""

DECIMALS: Final = 2
"""Of a degree: about a kilometre."""

OWN: Final = frozenset({"agency_id", "report_id", "revision", "status"})
"""Fields that are not drawn: the agency stays with the times, and the number and revision are made up."""


def golden(reports: Sequence[CrimeReport], seed: int = 0) -> list[CrimeReport]:
    """Up to `GOLDEN_ROWS` reports like those, spread evenly over them, none of which is one of them.

    Every agency's codes are its own, so the fields are drawn among the reports of one agency. An agency with a single
    one gives no golden report, unless it is the only agency: then its fields are unknown except the times.
    """
    chance = random.Random(seed)  # noqa: S311 - a mixture, not a secret
    count = min(GOLDEN_ROWS, len(reports))
    chosen = [reports[place * (len(reports) - 1) // max(count - 1, 1)] for place in range(count)]
    by_agency: dict[str, list[CrimeReport]] = {}
    for report in chosen:
        by_agency.setdefault(report.agency_id, []).append(report)
    mixed = [_mixed(of, place, chance) for of in by_agency.values() if len(of) > 1 for place in range(len(of))]
    if chosen and not mixed:
        mixed = [CrimeReport(agency_id=chosen[0].agency_id, report_id="-", **_moved(chosen[0], chance))]
    return [report.model_copy(update={"report_id": f"golden-{n}"}) for n, report in enumerate(mixed, start=1)]


def _mixed(reports: Sequence[CrimeReport], place: int, chance: random.Random) -> CrimeReport:
    others = [report for n, report in enumerate(reports) if n != place]
    drawn = sorted(CrimeReport.model_fields.keys() - TOGETHER - OWN)
    fields = {name: getattr(chance.choice(others), name) for name in drawn} | _moved(reports[place], chance)
    fields["location"] = _rounded(fields["location"])
    return CrimeReport(agency_id=reports[place].agency_id, report_id="-", **fields)


def _moved(report: CrimeReport, chance: random.Random) -> dict[str, Any]:
    by = MOVED * chance.uniform(-1, 1)
    times = {name: getattr(report, name) for name in TOGETHER}
    return {name: time and (time + by).replace(microsecond=0) for name, time in times.items()}


def _rounded(location: Location) -> Location:
    degrees = {"latitude": location.latitude, "longitude": location.longitude}
    rounded = {name: None if value is None else round(value, DECIMALS) for name, value in degrees.items()}
    return location.model_copy(update=rounded)
