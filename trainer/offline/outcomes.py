"""Which outcomes teach in an evaluation period by period, and from which day on they are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from schemas.crime_report import CrimeReport
from trainer.audits.draw import drawn
from trainer.offline.baselines import Floats
from trainer.training.weights import chances, fitting

Instants = npt.NDArray[np.datetime64]
"""Local times by the agency's own clock, in seconds; NaT is never."""

Days = npt.NDArray[np.datetime64]
"""Calendar days by the same clock."""

Basis = Literal["solved", "classified", "audited"]


class Delays(Protocol):
    """Draws how long an outcome takes, always the same for the same report; `cad.outcomes.Delays` does."""

    def draw(self, basis: Basis, report: str) -> timedelta: ...


@dataclass(frozen=True, slots=True)
class Regime:
    """Which outcomes ever become known: of all cases, or of the solved ones and a random share `audit` of the rest."""

    solved_only: bool
    audit: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Regime":
        """From `all`, `solved` or `solved+audit:<share>`. `ValueError` for anything else."""
        if text == "all":
            return cls(solved_only=False)
        if text == "solved":
            return cls(solved_only=True)
        kind, _, share = text.partition("+audit:")
        try:
            audit = float(share)
        except ValueError:
            audit = 0.0
        if kind == "solved" and 0 < audit <= 1:
            return cls(solved_only=True, audit=audit)
        raise ValueError(f"outcomes are 'all', 'solved' or 'solved+audit:<share above 0, up to 1>', not {text!r}")


class Known(NamedTuple):
    """When each report's outcome is known by the case's own course, and when by an audit, drawn with chance `audit`."""

    by_case: Instants
    by_audit: Instants
    audit: float

    def before(self, day: np.datetime64, filed: Days, half_life: float | None) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Which outcomes are known before `day`, and their weights in a fit; half_life: `trainer.training.weights`."""
        by_case, by_audit = self.by_case < day, self.by_audit < day
        known = by_case | by_audit
        chance = chances(np.where(by_audit, self.audit, np.nan)[known], by_case[known])
        age = (day.astype("datetime64[D]") - filed[known]).astype(np.float64)
        return known, fitting(chance, age, half_life)

    @property
    def since(self) -> Instants:
        """When each outcome is known by either."""
        return np.fmin(self.by_case, self.by_audit)


def filing_days(reports: Sequence[CrimeReport]) -> Days:
    """Day of filing of each report, by the clock of its agency."""
    return np.array([report.reported_at.replace(tzinfo=None) for report in reports], dtype="datetime64[D]")


def become_known(
    reports: Sequence[CrimeReport],
    solved: npt.NDArray[np.bool_],
    regime: Regime,
    *,
    key: bytes,
    delays: Delays | None = None,
) -> Known:
    """When outcomes become known under `regime`; `key` draws the audit. Without `delays` on the day of filing."""
    by_case, by_audit = (np.full(len(reports), "NaT", dtype="datetime64[s]") for _ in range(2))
    for row, report in enumerate(reports):
        if solved[row] or not regime.solved_only:
            by_case[row] = _known_at(report, "solved" if solved[row] else "classified", delays)
        if drawn(key, report.agency_id, report.report_id, regime.audit):
            by_audit[row] = _known_at(report, "audited", delays)
    return Known(by_case, by_audit, regime.audit)


def _known_at(report: CrimeReport, basis: Basis, delays: Delays | None) -> datetime:
    after = delays.draw(basis, f"{report.agency_id}/{report.report_id}") if delays else timedelta(0)
    return (report.reported_at + after).replace(tzinfo=None)
