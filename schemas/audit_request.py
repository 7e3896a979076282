"""A report drawn for a person to grade: topic `audit-requests`."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from schemas.common import AgencyId, Code, Instant, Outbound, Probability, ReportId

SECOND: Final = "-second"
"""Ends the id of a request that asks another person to grade a report again, so that an answer tells which it is."""


class AuditRequest(Outbound):
    """Drawn by a keyed hash when the report arrives, before any score or clearance.

    A tenth of the drawn are asked for twice, to learn how well two people agree; the second request's id ends in
    `-second`. The first answer is the label, the second never is: so all labels are of one kind.
    """

    ce_type: ClassVar[str] = "severity.audit-request.v1"

    agency_id: AgencyId
    report_id: ReportId
    request_id: Code
    drawn_at: Instant
    probability: Annotated[Probability, Field(gt=0, description="With which the report was drawn.")]
    second: bool = Field(False, description="To be answered by another person than the first request.")

    @property
    def key(self) -> bytes:
        """Kafka key: that of the report."""
        return f"{self.agency_id}/{self.report_id}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: the request's own."""
        return self.request_id
