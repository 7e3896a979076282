"""What drift looks at in an event: inputs of a report, the score of a decision; and all of it anew after a restart."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from schemas.crime_report import CrimeReport
from schemas.priority import Priority
from trainer.dataset.dataset import Dataset
from trainer.drift.drift import Alarm, Drift
from trainer.drift.two_samples import Tested
from trainer.live.scores import Joined

SCORE_STEP: Final = 10
"""Scores, 0 to 100, are counted in steps of so many."""


_REPORTS: Final = """
SELECT body FROM reports WHERE revision = 1 AND status = 'Actual' ORDER BY reported_at DESC LIMIT 200000
"""
_DECISIONS: Final = """
SELECT scored_at, probabilities FROM priorities WHERE revision = 1 AND probabilities IS NOT NULL
ORDER BY scored_at DESC LIMIT 200000
"""
"""The newest of what there is; to read so much again after a restart takes some seconds."""


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
    """Tells `drift` of events by their day in `zone`. A day is over when a report of a later one comes.

    So a replay of years past drifts by its own days. No day is later than that of `clock`: a writer's clock that runs
    ahead closes none too early.
    """

    def __init__(self, drift: Drift, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._drift = drift
        self._zone = zone
        self._clock = clock
        self._today = date.min

    def feed(self, event: object) -> None:
        """An event came: of reports the first revision counts, of drills none."""
        match event:
            case CrimeReport() if event.revision == 1 and event.status == "Actual":
                self._reported(event)
            case Priority() if event.revision == 1 and event.probabilities is not None:
                self._scored(event.scored_at, event.probabilities)
            case _:
                pass

    def joined(self, one: Joined) -> None:
        """A label came of a report that had been decided."""
        if one.cell.view != "published":
            return
        # A label is looked at when it comes, and no report of a later day has come.
        day = min(self._day(datetime.fromtimestamp(one.at, UTC)), self._today)
        order = int.from_bytes(blake2b("/".join(one.identity).encode(), digest_size=8).digest())
        self._drift.judged(day, one.cell.basis, one.true, one.true != one.decided, order)

    def judge(self) -> list[Alarm]:
        """What has drifted by the days that are over since last asked."""
        return self._drift.close(self._today)

    def learned_until(self, moment: datetime) -> None:
        """The champion was fitted to reports up to then."""
        self._drift.learned_until(self._day(moment))

    @property
    def tested(self) -> Mapping[tuple[str, str], Tested]:
        """What was last tested, by kind and input."""
        return self._drift.tested

    def rebuild(self, dataset: Dataset) -> None:
        """Take the newest reports and decisions of the dataset; labels come from `trainer.live.feed.rebuild`."""
        for batch in dataset.query(_REPORTS).to_batches():
            for body in batch["body"].to_pylist():
                self._reported(CrimeReport.model_validate_json(body))
        for batch in dataset.query(_DECISIONS).to_batches():
            for row in batch.to_pylist():
                self._scored(row["scored_at"], row["probabilities"])

    def _reported(self, report: CrimeReport) -> None:
        day = self._day(report.reported_at)
        self._today = max(self._today, day)
        self._drift.took(day, inputs(report))

    def _scored(self, at: datetime, probabilities: Sequence[float]) -> None:
        score = sum(25 * above * share for above, share in enumerate(probabilities))
        self._drift.took(self._day(at), {"score": (str(int(score // SCORE_STEP)),)})

    def _day(self, moment: datetime) -> date:
        return min(moment, self._clock()).astimezone(self._zone).date()
