"""A crime report as a CAD system files it: topic `crime-reports`.

No names, no narrative, no protected attribute. What the report does not say is `None`: unknown is not no.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from schemas.common import AgencyCode, AgencyId, Inbound, Instant, ReportId, ReportStatus

Source = Literal["caller", "online", "officer", "alarm"]
Urgency = Literal["in-progress", "just-occurred", "past"]
# The first wrong entry is enough: of 400,000 in one record, telling each took over a second.
Codes = Annotated[tuple[AgencyCode, ...], Field(max_length=64), FailFast()]


class Location(BaseModel):
    """Where it happened; any part may be unknown. Latitude and longitude are WGS 84 degrees."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    area: AgencyCode | None = Field(None, description="The agency's division or precinct.")
    district: AgencyCode | None = Field(None, description="The agency's reporting district or beat, finer than area.")
    place_type: AgencyCode | None = Field(None, description="NIBRS location type.")
    agency_place_type: AgencyCode | None = Field(None, description="The agency's own code of the kind of place.")


class Flags(BaseModel):
    """Circumstances that rules and schemes look at: yes, no, or unknown (null). Never model inputs."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    child: bool | None = None
    domestic: bool | None = None
    protective_order: bool | None = None
    strangulation: bool | None = None
    sexual: bool | None = None
    vulnerable_person: bool | None = None
    suspect_present: bool | None = None


class CrimeReport(Inbound):
    """One revision of one crime report. A correction is the same report with a higher revision."""

    ce_type: ClassVar[str] = "severity.crime-report.v1"

    agency_id: AgencyId
    report_id: ReportId
    revision: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    status: ReportStatus = Field("Actual", description="A drill never reaches responders as real.")
    reported_at: Instant
    occurred_from: Instant | None = None
    occurred_to: Instant | None = None
    source: Source | None = None
    urgency: Urgency | None = None
    incident_type: AgencyCode | None = Field(None, description="APCO 2.103.2-2019 common incident type.")
    agency_incident_type: AgencyCode | None = Field(None, description="The agency's own call type.")
    offence_code: AgencyCode | None = Field(None, description="The opening NIBRS code; the final one is an outcome.")
    initial_priority: AgencyCode | None = Field(None, description="Call-taker's or protocol's; never undercut.")
    location: Location = Location()
    weapons: Codes = Field((), description="NIBRS weapon or force codes.")
    agency_weapons: Codes = Field((), description="The agency's own weapon codes.")
    injuries: Codes = Field((), description="NIBRS injury codes.")
    victims: Annotated[int, Field(ge=0, le=10_000)] | None = Field(None, description="How many victims.")
    suspects: Annotated[int, Field(ge=0, le=10_000)] | None = Field(None, description="How many suspects.")
    circumstances: Codes = Field((), description="The agency's MO or qualifier codes, in the order written.")
    flags: Flags = Flags()

    @property
    def key(self) -> bytes:
        """Kafka key: `agency_id/report_id`, so that all revisions of a report stay ordered."""
        return f"{self.agency_id}/{self.report_id}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: the same for a repeat of the same revision."""
        return f"{self.agency_id}/{self.report_id}/{self.revision}"
