"""A model fitted to 200 made-up reports, for tests that need a real one."""

import random
from datetime import UTC, datetime, timedelta
from functools import cache

from schemas.crime_report import CrimeReport
from severity.conformal import PredictionSets
from severity.model import SeverityModel

FILED = datetime(2026, 3, 2, 12, tzinfo=UTC)


@cache
def small_model() -> tuple[SeverityModel, PredictionSets, list[CrimeReport]]:
    """Model, prediction sets, and the reports that they were fitted to, oldest first."""
    chance = random.Random(1)
    rows = [_report(number, chance) for number in range(200)][::-1]
    reports, levels = [row[0] for row in rows], [row[1] for row in rows]
    model = SeverityModel().fit(reports, levels)
    return model, PredictionSets().fit(model.predict_proba(reports), levels), reports


def _report(number: int, chance: random.Random) -> tuple[CrimeReport, int]:
    level = chance.choice([1, 2, 2, 3, 4, 5])
    call = {1: "NOISE", 2: "LARCENY", 3: "THREATS", 4: "BURGLARY", 5: "ROBBERY"}[level]
    filed = FILED - timedelta(hours=number)
    fields = {
        "agency_id": "a",
        "report_id": str(number),
        "reported_at": filed,
        "occurred_from": filed - timedelta(minutes=chance.randrange(3000)),
        "incident_type": call if chance.random() < 0.8 else "TROUBLE",
        "weapons": ["12"] if level == 5 and chance.random() < 0.5 else [],
        "location": {"area": chance.choice("xyz"), "place_type": chance.choice(["13", "20"])},
    }
    return CrimeReport.model_validate(fields), level
