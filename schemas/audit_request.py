"""A report drawn for a person to grade: topic `audit-requests`."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.common import AgencyId, Code, Instant, Outbound, Probability, ReportId


class AuditRequest(Outbound):
    """Drawn by a keyed hash when the report arrives, before any score or clearance."""

    ce_type: ClassVar[str] = "severity.audit-request.v1"

    agency_id: AgencyId
    report_id: ReportId
    request_id: Code
    drawn_at: Instant
    probability: Annotated[Probability, Field(gt=0)]

    @property
    def key(self) -> bytes:
        """Kafka key: that of the report."""
        return f"{self.agency_id}/{self.report_id}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: the request's own."""
        return self.request_id
