"""A release for practice, fitted in a process of its own to made-up reports: run as `python -m stream.rehearsal`.

A scorer that starts without a champion practises with it before its first report. Else the first real release would
make numba load or compile its kernels beside the loop, which holds the interpreter for .3 to 4 s.
"""

import pickle
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef
from severity.assess import Release
from severity.conformal import PredictionSets
from severity.model import SeverityModel
from stream.loader import Handover

REPORTS: Final = 60
BEGAN: Final = datetime(2000, 1, 1, tzinfo=UTC)


def rehearsal() -> Handover:
    """A tiny model that never scores a real report."""
    reports = [_report(number) for number in range(REPORTS)]
    levels = [1 + number % 5 for number in range(REPORTS)]
    model = SeverityModel().fit(reports, levels)
    prediction_sets = PredictionSets().fit(model.predict_proba(reports), levels)
    ref = ModelRef(name="rehearsal", release=1, digest="0" * 64)
    return Handover(Release(model.compile(), prediction_sets, ref), BEGAN, tuple(reports[:5]))


def _report(number: int) -> CrimeReport:
    """Something in every field, and nothing in some."""
    body = {
        "agency_id": "rehearsal",
        "report_id": str(number),
        "reported_at": BEGAN + timedelta(hours=7 * number),
        "occurred_from": BEGAN + timedelta(hours=5 * number),
        "incident_type": ("ROBBERY", "LARCENY", "NOISE")[number % 3],
        "weapons": ("12", "20")[: number % 3],
        "injuries": ("M",)[: number % 2],
        "victims": number % 3 or None,
        "circumstances": ("a", "b", "c")[: number % 4],
        "location": {"area": str(number % 4), "latitude": 40.0, "longitude": -80.0, "place_type": "13"},
    }
    return CrimeReport.model_validate(body)


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(rehearsal(), protocol=5))
