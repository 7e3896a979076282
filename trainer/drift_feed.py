"""What drift looks at in an event: inputs of a report, the score of a decision; and all of it anew after a restart."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.crime_report import CrimeReport
from schemas.priority import Priority
from trainer.drift import Drift

SCORE_STEP: Final = 10
"""Scores, 0 to 100, are counted in steps of so many."""


def inputs(report: CrimeReport) -> Mapping[str, Sequence[str]]:
    """Values of what a model sees of a report, by input; circumstances and the like give any number of values.

    Time and the exact place are left out: hours and days are no drift, and `district` tells the place.
    """
    place = report.location
    one = {
        "agency": report.agency_id,
        "source": report.source,
        "urgency": report.urgency,
        "incident_type": report.incident_type,
        "agency_incident_type": report.agency_incident_type,
        "offence_code": report.offence_code,
        "area": place.area,
        "district": place.district,
        "place_type": place.place_type,
        "agency_place_type": place.agency_place_type,
    }
    many = {
        "weapons": report.weapons,
        "agency_weapons": report.agency_weapons,
        "injuries": report.injuries,
        "circumstances": report.circumstances,
    }
    return {name: (value,) if value else () for name, value in one.items()} | many


class DriftFeed:
    """Tells `drift` of events by their day in `zone`; `today` is the day of the newest report, but never after `now`.

    So a replay of years past drifts by its own days, and a clock that runs ahead closes no day too early.
    """

    def __init__(self, drift: Drift, zone: ZoneInfo) -> None:
        self._drift = drift
        self._zone = zone
        self._newest = date.min

    def feed(self, event: object, now: datetime) -> None:
        """Only the first revision of a report counts, and no drill."""
        match event:
            case CrimeReport() if event.revision == 1 and event.status == "Actual":
                day = self._day(event.reported_at, now)
                self._newest = max(self._newest, day)
                self._drift.took(day, inputs(event))
            case Priority() if event.revision == 1 and event.score is not None:
                step = int(event.score // SCORE_STEP)
                self._drift.took(self._day(event.reported_at or event.scored_at, now), {"score": (str(step),)})
            case _:
                pass

    def judged(self, at: float, basis: str, level: int, wrong: bool, order: int, now: datetime) -> None:
        """A label came of a report that had been decided, `at` seconds since 1970."""
        day = self._day(datetime.fromtimestamp(at, UTC), now)
        self._drift.judged(min(day, self._newest), basis, level, wrong, order)

    @property
    def today(self) -> date:
        """The day that is not over yet."""
        return self._newest

    def _day(self, moment: datetime, now: datetime) -> date:
        return min(moment, now).astimezone(self._zone).date()
