"""Field types that several events share, and the two bases: input tolerates more, output is closed."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

AgencyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Agency, as in its topic's name.")]
ReportId = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f]{1,128}$",
        description="The agency's own number of the report; no control characters.",
    ),
]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in lower-case hexadecimal.")]
Instant = Annotated[AwareDatetime, Field(description="ISO 8601 with its offset from UTC.")]
Level = Annotated[int, Field(ge=1, le=5, description="Severity level, 5 the worst.")]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
ReportStatus = Literal["Actual", "Exercise", "Test"]


_set: Final = object.__setattr__  # a model of ours is frozen


class Inbound(BaseModel):
    """An event others write: unknown fields are accepted, never used, and counted by `unknown_fields`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Names of the top-level fields that the contract does not know."""
        return tuple(self.model_extra or ())


class Outbound(BaseModel):
    """An event we write: closed, so that what leaves is exactly what the contract says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def trusted(cls, **values: Any) -> Self:
        """Without validation, which is dear on the hot path: for values of our own, whose types are the fields'.

        All fields are given, in the order in which they are declared, since that is the order in which they are
        written.
        """
        made = cls.__new__(cls)
        _set(made, "__dict__", values)
        _set(made, "__pydantic_fields_set__", set(values))
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made
