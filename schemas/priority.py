"""What responders receive for a report: topic `priorities`."""

from typing import Annotated, ClassVar, Literal

from pydantic import FailFast, Field

from schemas.common import (
    AgencyId,
    Code,
    Digest,
    Finite,
    Instant,
    Level,
    Outbound,
    Probability,
    ReportId,
    ReportStatus,
)

DecidedBy = Literal["model", "rule", "fallback"]


class Reason(Outbound):
    """Why, in a dispatcher's words. `contribution`: to the published level's raw score (log-odds), null for a rule."""

    code: Code
    text: Annotated[str, Field(min_length=1, max_length=200)]
    contribution: Finite | None = None


class ModelRef(Outbound):
    """The release that scored."""

    name: Code
    release: Annotated[int, Field(ge=1, lt=2**31)]
    digest: Digest


class SourcePosition(Outbound):
    """The Kafka record this priority answers."""

    topic: str
    partition: int
    offset: int


class DeadLetterRef(Outbound):
    """Where the unreadable original lies, and why it could not be read."""

    topic: str
    reason: Code


class Previous(Outbound):
    """What had been published of a report before this revision of it."""

    revision: Annotated[int, Field(ge=1)]
    severity: Level | None
    priority: Code
    decided_by: DecidedBy


class Priority(Outbound):
    """One decision on one revision of one report.

    `severity` is what is published; `model_severity` is the model's own view before floors. `baseline`, the reasons'
    contributions and `other_contribution` add up to the raw score of the published level. A triage priority has null
    severity, score and probabilities: for an unreadable body, whose dead letter it names, or while so many of an
    agency's records are unreadable that the rest is not trusted either.

    Readers drop repeats by `ce_id`, and ignore a priority with a lower `revision` than the one they have of that report
    (0 apart, which is unknown): the scorer drops what it remembers, and it does not remember for ever.
    """

    ce_type: ClassVar[str] = "severity.priority.v1"

    agency_id: AgencyId
    report_id: ReportId
    revision: Annotated[int, Field(ge=0, description="0 when the revision could not be read.")]
    status: ReportStatus
    decision: Annotated[int, Field(ge=1, description="Which decision on this revision.")] = 1
    severity: Level | None
    model_severity: Level | None = None
    score: Annotated[float, Field(ge=0, le=100)] | None = Field(description="25 × (expected level - 1).")
    probabilities: tuple[Probability, Probability, Probability, Probability, Probability] | None = Field(
        description="Of levels 1 to 5."
    )
    plausible_levels: Annotated[tuple[Level, ...], FailFast()] = Field(
        (), description="Class-conditional conformal prediction set."
    )
    priority: Code = Field(description="The agency's dispatch scale; in the default scheme P1 is the most urgent.")
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    target_minutes: Annotated[int, Field(ge=0)] | None
    eido_priority: Annotated[int, Field(ge=0, le=10, description="EIDO incidentCommonPriorityNumber, 10 the highest.")]
    suggested_priority: Code | None = Field(None, description="A lower one that the model would have given.")
    decided_by: DecidedBy
    degraded: bool = Field(description="True when no model took part.")
    needs_human_triage: bool
    floor: Level | None = Field(None, description="Least severity that a rule allows.")
    floor_rule: Code | None = None
    baseline: Finite | None = None
    # Of lists the first wrong entry is enough: of 400,000 in one record, telling each took over a second.
    reasons: Annotated[tuple[Reason, ...], Field(max_length=4), FailFast()] = ()
    other_contribution: Finite | None = None
    model: ModelRef | None = None
    policy_version: Code
    reported_at: Instant | None
    scored_at: Instant
    source: SourcePosition
    dead_letter: DeadLetterRef | None = None
    previous: Previous | None = Field(
        None, description="For a higher revision: what this priority replaces, as far as the scorer remembers it."
    )

    @property
    def key(self) -> bytes:
        """Kafka key: that of the report."""
        return f"{self.agency_id}/{self.report_id}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: the same for a repeat, so that a reader can drop it.

        Of unreadable records the revision is unknown: their places tell two of one report apart.
        """
        which: int | str = self.revision
        if not which:
            which = f"{self.source.topic}-{self.source.partition}-{self.source.offset}"
        return f"{self.agency_id}/{self.report_id}/{which}/{self.decision}"
