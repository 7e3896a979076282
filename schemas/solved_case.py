"""What a case turned out to be: topic `solved-cases`. The final offence is the label, never a model input."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from schemas.audit_request import SECOND
from schemas.common import AgencyCode, AgencyId, Code, Inbound, Instant, Probability, ReportId

Basis = Literal["solved", "classified", "audited", "unfounded", "reopened"]
CaseStatus = Literal[
    "ACTIVE",
    "ADMINISTRATIVELY CLOSED",
    "CLEARED BY ARREST",
    "CLEARED BY EXCEPTIONAL MEANS",
    "CLOSED",
    "COLD",
    "INACTIVE",
    "OPEN",
    "PENDING",
    "RE_OPENED",
    "UNFOUNDED",
]


class Offence(BaseModel):
    """A final offence: the NIBRS code, or the agency's own where a table gives its level."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    nibrs_code: AgencyCode | None = None
    agency_code: AgencyCode | None = None


class AuditAnswer(BaseModel):
    """The request that a person answered, and the probability with which the report was drawn for it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    request_id: Code = Field(description="As in the request, to the letter.")
    probability: Annotated[Probability, Field(gt=0)]

    @property
    def second(self) -> bool:
        """Whether it answers the second request for one report: such an answer is never a label."""
        return self.request_id.endswith(SECOND)


class SolvedCase(Inbound):
    """One outcome event of one report; a later sequence replaces or (unfounded, reopened) withdraws an earlier one."""

    ce_type: ClassVar[str] = "severity.solved-case.v1"

    agency_id: AgencyId
    report_id: ReportId
    sequence: Annotated[int, Field(ge=1)] = 1
    case_status: CaseStatus = Field(description="N-DEx incident status.")
    basis: Basis
    closed_at: Instant
    # The first wrong entry is enough: of 400,000 in one record, telling each took a second.
    offences: Annotated[tuple[Offence, ...], Field(max_length=32), FailFast()] = Field(
        (), description="Final offences, in any order: the gravest counts."
    )
    audit: AuditAnswer | None = None

    @property
    def key(self) -> bytes:
        """Kafka key: that of the report."""
        return f"{self.agency_id}/{self.report_id}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: the same for a repeat."""
        return f"{self.agency_id}/{self.report_id}/outcome/{self.sequence}"
