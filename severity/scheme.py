"""An agency's dispatch scheme: severity × urgency × suspect present → priority, colour, target time and EIDO number.

Severity is not urgency: a robbery reported two days late is grave, and yet nobody drives there with a siren.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.crime_report import Urgency
from severity.tables import BUILT_IN, TableError, digest

LEVELS: Final = range(1, 6)
URGENCIES: Final[tuple[Urgency | None, ...]] = ("past", None, "just-occurred", "in-progress")
"""From the least urgent; unknown lies between what is past and what has just occurred."""
SUSPECT: Final = (False, None, True)
DEFAULT: Final = "default"

Key = tuple[int, Urgency | None, bool | None]
Row = Annotated[tuple[str, str, str, str, str], Field(description="Priority of severity levels 1 to 5.")]


class Placement(NamedTuple):
    """Where a report stands in an agency's queue. `eido_priority`: 0 to 10, 10 the highest."""

    priority: str
    colour: str
    target_minutes: int | None
    eido_priority: int


class _Priority(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(min_length=1, max_length=64)]
    meaning: str
    colour: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
    target_minutes: Annotated[int, Field(ge=0)] | None = None
    eido_priority: Annotated[int, Field(ge=0, le=10)]


class _BySuspect(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    yes: Row
    unknown: Row
    no: Row

    def of(self, suspect_present: bool | None) -> Row:
        return self.unknown if suspect_present is None else self.yes if suspect_present else self.no


class _ByUrgency(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    in_progress: _BySuspect = Field(alias="in-progress")
    just_occurred: _BySuspect = Field(alias="just-occurred")
    unknown: _BySuspect
    past: _BySuspect

    def of(self, urgency: Urgency | None) -> _BySuspect:
        found: _BySuspect = getattr(self, (urgency or "unknown").replace("-", "_"))
        return found


class _File(BaseModel):
    """What a scheme's file holds, and what must hold in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    triage: str
    priority: Annotated[tuple[_Priority, ...], Field(min_length=2)]
    placement: _ByUrgency

    @model_validator(mode="after")
    def _ordered(self) -> "_File":
        rank = {normal(priority.code): place for place, priority in enumerate(self.priority)}
        if len(rank) < len(self.priority):
            raise ValueError("a priority's code stands twice")
        if any(above.eido_priority <= below.eido_priority for above, below in pairwise(self.priority)):
            raise ValueError("eido_priority must fall from the first priority to the last: 10 is the highest")
        cells = {key: self.placement.of(key[1]).of(key[2])[key[0] - 1] for key in product(LEVELS, URGENCIES, SUSPECT)}
        if unknown := {code for code in (self.triage, *cells.values()) if normal(code) not in rank}:
            raise ValueError(f"no priority has the code {', '.join(sorted(unknown))}")
        for level, urgency, suspect in cells:
            steps: list[tuple[Key, Key]] = [
                *(((a, urgency, suspect), (b, urgency, suspect)) for a, b in pairwise(LEVELS)),
                *(((level, a, suspect), (level, b, suspect)) for a, b in pairwise(URGENCIES)),
                *(((level, urgency, a), (level, urgency, b)) for a, b in pairwise(SUSPECT)),
            ]
            for less, more in steps:
                if rank[normal(cells[less])] < rank[normal(cells[more])]:
                    raise ValueError(f"{_words(more)} is {cells[more]}, less urgent than {_words(less)}: {cells[less]}")
        return self


@dataclass(frozen=True, slots=True)
class Scheme:
    """One agency's scheme. `ranks` goes from 0, the most urgent; its codes are as `normal` writes them."""

    placements: Mapping[Key, Placement]
    by_code: Mapping[str, Placement]
    ranks: Mapping[str, int]
    triage: Placement

    @classmethod
    def load(cls, path: Path) -> "Scheme":
        """Read a scheme from TOML. `TableError` where a graver or more urgent case would get a lower priority."""
        try:
            file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise TableError(f"{path}: {error}") from error
        by_code = {
            normal(p.code): Placement(p.code, p.colour, p.target_minutes, p.eido_priority) for p in file.priority
        }
        placements: dict[Key, Placement] = {
            (level, urgency, suspect): by_code[normal(file.placement.of(urgency).of(suspect)[level - 1])]
            for level, urgency, suspect in product(LEVELS, URGENCIES, SUSPECT)
        }
        return cls(placements, by_code, {code: rank for rank, code in enumerate(by_code)}, by_code[normal(file.triage)])

    def place(self, severity: int | None, urgency: Urgency | None, suspect_present: bool | None) -> Placement:
        """Placement of a severity level; that of triage for no level at all."""
        return self.triage if severity is None else self.placements[severity, urgency, suspect_present]

    def find(self, code: str) -> Placement | None:
        """The placement that a priority's code means, in whatever case; None when the scheme does not know it."""
        return self.by_code.get(normal(code))

    def more_urgent(self, one: Placement, other: Placement) -> Placement:
        """The more urgent of two placements of this scheme; the first of equals."""
        return other if self.ranks[normal(other.priority)] < self.ranks[normal(one.priority)] else one


@dataclass(frozen=True, slots=True)
class Schemes:
    """Every agency's scheme, and the default for the others. `version` is made from the files' contents."""

    by_agency: Mapping[str, Scheme]
    default: Scheme
    version: str

    @classmethod
    def load(cls, folder: Path | None = None) -> "Schemes":
        """Read `default.toml` and one `<agency_id>.toml` an agency from a folder, or the built-in ones."""
        folder = folder or BUILT_IN / "schemes"
        paths = sorted(folder.glob("*.toml"))
        schemes = {path.stem: Scheme.load(path) for path in paths}
        if DEFAULT not in schemes:
            raise TableError(f"{folder}: there is no {DEFAULT}.toml")
        return cls(schemes, schemes[DEFAULT], digest(paths)[:12])

    def for_agency(self, agency_id: str) -> Scheme:
        """The agency's own scheme, else the default."""
        return self.by_agency.get(agency_id, self.default)


def normal(code: str) -> str:
    """A priority's code without regard to case and outer spaces: CAD systems write both."""
    return code.strip().casefold()


def _words(key: Key) -> str:
    suspect = {True: "present", None: "unknown", False: "absent"}[key[2]]
    return f"severity {key[0]}, urgency {key[1] or 'unknown'}, suspect {suspect}"
