"""Made-up reports whose level depends on weapon, place and circumstances; drawn with a seed."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport, Location

START = datetime(2023, 1, 1, tzinfo=UTC)
WEAPONS = {"12": 4, "20": 3, "40": 1}
CIRCUMSTANCES = {"c-threat": 1, "c-force": 2, "c-note": 0, "c-lock": 0}
PLACES = ("bank", "bar", "home")


def draw_reports(n: int, seed: int = 0, agency: str = "sim") -> tuple[list[CrimeReport], NDArray[np.int64]]:
    """n reports of one agency over 60 days, in order, and their levels (n,) 1 to 5; a tenth of the levels is noise."""
    rng = np.random.default_rng(seed)
    reports, levels = [], np.empty(n, dtype=np.int64)
    for i in range(n):
        weapon = str(rng.choice([*WEAPONS, ""]))
        written = [str(code) for code in rng.choice(list(CIRCUMSTANCES), size=rng.integers(0, 3), replace=False)]
        filed = START + timedelta(days=60 * i / n)
        worth = 1 + WEAPONS.get(weapon, 0) + sum(CIRCUMSTANCES[code] for code in written)
        levels[i] = rng.integers(1, 6) if rng.random() < 0.1 else min(worth, 5)
        reports.append(
            CrimeReport(
                agency_id=agency,
                report_id=str(i),
                reported_at=filed,
                occurred_from=filed - timedelta(hours=float(rng.exponential(20))),
                incident_type=str(rng.choice(["ROBBERY", "ASSAULT"])),
                location=Location(area=str(rng.integers(1, 4)), agency_place_type=str(rng.choice(PLACES))),
                weapons=(weapon,) if weapon else (),
                circumstances=tuple(written),
                victims=int(rng.integers(0, 3)),
            )
        )
    return reports, levels
