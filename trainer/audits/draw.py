"""Which reports a person shall grade: drawn when they arrive, before any score or outcome.

Solved cases are no fair sample of all cases, and retraining on them alone is worse than never retraining (design,
section 6). A sample whose probability is known repairs that, as long as nothing that happens to a report can sway the
draw. So it is a keyed hash of the report's name alone: nobody without the key can tell beforehand, and a restarted
trainer draws the same.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.audit_request import SECOND, AuditRequest
from schemas.crime_report import CrimeReport

SECOND_SHARE: Final = 0.1
"""Share of the drawn reports that two people grade, so that it is known how well graders agree."""


def drawn(key: bytes, agency_id: str, report_id: str, rate: float) -> bool:
    """Whether a report is drawn: true for a share `rate` (0 to 1) of all names, the same for the same `key`."""
    return _draw(_digest(key, agency_id, report_id)[:8], rate)


@dataclass(frozen=True, slots=True)
class AuditDraw:
    """Draws each report with probability `rate` (0 to 1, 0 draws none) by HMAC-SHA256 under `key`.

    `second_share`: of the drawn, how many are to be graded by two people.
    """

    key: bytes = field(repr=False)
    rate: float
    second_share: float = SECOND_SHARE

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"the audit rate is {self.rate}; it must lie between 0 and 1")
        if not 0 <= self.second_share <= 1:
            raise ValueError(f"the share graded twice is {self.second_share}; it must lie between 0 and 1")

    def requests(self, report: CrimeReport, at: datetime) -> tuple[AuditRequest, ...]:
        """The requests to grade `report`, which arrived at `at`: none, one, or two to two people.

        Only a first revision is drawn, so that a report is asked for once; drills never are.
        """
        if report.revision != 1 or report.status != "Actual":
            return ()
        digest = _digest(self.key, report.agency_id, report.report_id)
        if not _draw(digest[:8], self.rate):
            return ()
        first = AuditRequest(
            agency_id=report.agency_id,
            report_id=report.report_id,
            # The part of the digest that no draw used: it tells nothing about how near another draw was.
            request_id=digest[16:].hex(),
            drawn_at=at,
            probability=self.rate,
        )
        if not _draw(digest[8:16], self.second_share):
            return (first,)
        return first, first.model_copy(update={"request_id": first.request_id + SECOND, "second": True})


def _digest(key: bytes, agency_id: str, report_id: str) -> bytes:
    return hmac.digest(key, f"{agency_id}/{report_id}".encode(), "sha256")


def _draw(part: bytes, rate: float) -> bool:
    return int.from_bytes(part) < rate * 2**64
