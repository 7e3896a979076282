"""Labelled reports whose level hangs on what they say, and a model that remembers what it was shown."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np

from schemas.crime_report import CrimeReport, Flags, Location
from trainer.offline.baselines import Floats, Ints
from trainer.offline.holdout import Labelled

FIRST = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)


def filed(days: int, a_day: int = 30, seed: int = 1) -> Labelled:
    """`a_day` reports on each of `days` days, in order of filing; the written circumstance tells the level mostly."""
    rng = random.Random(seed)
    reports, levels = [], []
    for day in range(days):
        for number in range(a_day):
            level = rng.choices([1, 2, 3, 4, 5], [2, 5, 2, 2, 2])[0]
            told = level if rng.random() < 0.8 else rng.randint(1, 5)
            at = FIRST + timedelta(days=day)
            reports.append(
                CrimeReport(
                    agency_id="alameda",
                    report_id=f"{day:03}-{number:03}",
                    reported_at=at,
                    occurred_from=at - timedelta(days=rng.randint(0, 5), hours=rng.randint(0, 23)),
                    location=Location(area=f"{rng.randint(1, 4)}", agency_place_type=f"{rng.randint(1, 9)}"),
                    agency_weapons=("gun",) if level == 5 and rng.random() < 0.7 else (),
                    circumstances=(f"mo-{told}", f"mo-{rng.randint(6, 12)}"),
                    flags=Flags(child=True if rng.random() < 0.05 else None),
                )
            )
            levels.append(level)
    return Labelled(reports, np.array(levels, dtype=np.int64))


class Witness:
    """Answers with the shares of the levels it was fitted to, and notes everything that it was fitted to in `fits`."""

    def __init__(self, fits: list[dict[str, object]]) -> None:
        self._fits = fits

    def fit(
        self,
        reports: Sequence[CrimeReport],
        levels: Ints,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: Floats | None = None,
    ) -> Self:
        self._fits.append({"reports": reports, "levels": levels, "known_at": known_at, "weights": sample_weight})
        self._shares = np.bincount(levels - 1, minlength=5) / len(levels)
        return self

    def predict_proba(self, reports: Sequence[CrimeReport]) -> Floats:
        return np.tile(self._shares, (len(reports), 1))
