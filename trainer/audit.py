"""Which reports a person shall grade: drawn when they arrive, before any score or outcome.

Solved cases are no fair sample of all cases, and retraining on them alone is worse than never retraining (design,
section 6). A sample whose probability is known repairs that, as long as nothing that happens to a report can sway the
draw. So it is a keyed hash of the report's name alone: nobody without the key can tell beforehand, and a restarted
trainer draws the same.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport


def drawn(key: bytes, agency_id: str, report_id: str, rate: float) -> bool:
    """Whether a report is drawn: true for a share `rate` (0 to 1) of all names, the same for the same `key`."""
    return _draw(_digest(key, agency_id, report_id), rate)


@dataclass(frozen=True, slots=True)
class AuditDraw:
    """Draws each report with probability `rate` (0 to 1, 0 draws none) by HMAC-SHA256 under `key`."""

    key: bytes = field(repr=False)
    rate: float

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"the audit rate is {self.rate}; it must lie between 0 and 1")

    def request(self, report: CrimeReport, at: datetime) -> AuditRequest | None:
        """The request to grade `report`, which arrived at `at`, or None when it is not drawn.

        Only a first revision is drawn, so that a report is asked for once; drills never are.
        """
        if report.revision != 1 or report.status != "Actual":
            return None
        digest = _digest(self.key, report.agency_id, report.report_id)
        if not _draw(digest, self.rate):
            return None
        return AuditRequest(
            agency_id=report.agency_id,
            report_id=report.report_id,
            # The half of the digest that the draw did not use: it tells nothing about how near another draw was.
            request_id=digest[16:].hex(),
            drawn_at=at,
            probability=self.rate,
        )


def _digest(key: bytes, agency_id: str, report_id: str) -> bytes:
    return hmac.digest(key, f"{agency_id}/{report_id}".encode(), "sha256")


def _draw(digest: bytes, rate: float) -> bool:
    return int.from_bytes(digest[:8]) < rate * 2**64
