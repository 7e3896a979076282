"""Field types that several events share, and the two bases: input tolerates more, output is closed."""

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

AgencyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Agency, as in its topic's name.")]
ReportId = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f\x7f]{1,128}$",
        description="The agency's own number of the report; no control characters.",
    ),
]
Code = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$", description="No control characters.")]
_SIGN: Final = "0-9A-Za-zÀ-ÖØ-öø-ſ._/+*:#&'(),-"
AGENCY_CODE: Final = rf"^[0-9A-Za-zÀ-ÖØ-öø-ſ](?:[ {_SIGN}]{{0,38}}[{_SIGN}])?$"
AgencyCode = Annotated[
    str,
    Field(
        pattern=AGENCY_CODE,
        description="A short code: letters, digits, spaces within and a few signs; not a text.",
    ),
]
"""A code that somebody else wrote and a person will read in a reason or on a board: it cannot hold a line of a log,
markup, or a direction of writing that hides what stands there."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in lower-case hexadecimal.")]
Instant = Annotated[AwareDatetime, Field(description="ISO 8601 with its offset from UTC.")]
Level = Annotated[int, Field(ge=1, le=5, description="Severity level, 5 the worst.")]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
ReportStatus = Literal["Actual", "Exercise", "Test"]


# How pydantic itself sets an instance's parts, without the `__setattr__` that a frozen model refuses.
_put_values, _put_given, _put_extra, _put_private = (
    BaseModel.__dict__[part].__set__
    for part in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


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

    _every_field: ClassVar[set[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._every_field = set(cls.model_fields)

    @classmethod
    def trusted(cls, values: dict[str, Any]) -> Self:
        """Without validation, which is dear on the hot path: for values of our own, whose types are the fields'.

        values: all fields, in the order in which they are declared, since that is the order in which they are written.
        The instance keeps the dictionary.
        """
        made = cls.__new__(cls)
        _put_values(made, values)
        _put_given(made, cls._every_field)  # shared: pydantic copies the set before it changes one
        _put_extra(made, None)
        _put_private(made, None)
        return made
