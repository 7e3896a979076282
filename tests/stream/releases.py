"""Real releases of a small model, for tests of those who load them."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from cad.simulated import SimulatedCity
from schemas.crime_report import CrimeReport
from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import Draft
from severity.artefact.writing import Signed, write
from severity.conformal import PredictionSets
from severity.levels import LevelTable
from severity.model import SeverityModel
from tests.stream.standin import NOW


@dataclass(frozen=True)
class Trainer:
    """A fitted model and a folder with its keys and releases."""

    folder: Path
    model: SeverityModel
    prediction_sets: PredictionSets
    reports: list[CrimeReport]

    @property
    def trusted(self) -> Path:
        """The folder of the public key."""
        return self.folder / "keys"

    @property
    def artefacts(self) -> Path:
        """The folder of the releases."""
        return self.folder / "releases"

    def release(
        self,
        number: int,
        *,
        key: str = "severity",
        name: str = "severity",
        role: Literal["champion", "challenger"] = "champion",
    ) -> Signed:
        """The model as another release, signed by the pair named `key`."""
        folder = self.trusted if key == "severity" else self.folder / key
        private = folder / f"{key}.private.pem"
        if not private.exists():
            new_pair(folder, key)
        draft = Draft(
            name=name, release=number, role=role, created_at=NOW, expires_at=NOW + timedelta(days=30), window_from=None,
            window_to=None, rows=len(self.reports), information="report", levels="0" * 64, policy_version="1",
            parent=None, marks={}, metrics={}, verdict="passed",
        )  # fmt: skip
        golden, signer = self.reports[:20], load_private(private)
        return write(self.artefacts, draft, self.model, self.prediction_sets, golden, signer)


def train(folder: Path) -> Trainer:
    """Fit a small model to the simulated city."""
    cases = islice(SimulatedCity(1, NOW - timedelta(days=60), levels=LevelTable.load()), 600)
    known = [(case.report, case.outcome.level) for case in cases if case.outcome.level is not None]
    reports, levels = [report for report, _ in known], np.array([level for _, level in known])
    model = SeverityModel().fit(reports, levels)
    new_pair(folder / "keys")
    return Trainer(folder, model, PredictionSets().fit(model.predict_proba(reports), levels), reports)
