"""The decision policy: from probabilities to a level, and when a person must look. Versioned apart from the model."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from severity.forest_kernel import kernel
from severity.tables import BUILT_IN, TableError, digest

Costs = Annotated[tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...], Field(min_length=5, max_length=5)]


class Triage(BaseModel):
    """Any of these asks for a person; `floor_gap` is in levels above the model's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plausible_levels: Annotated[int, Field(ge=2, le=6)]
    top_probability: Annotated[float, Field(ge=0, le=1)]
    floor_gap: Annotated[int, Field(ge=1, le=5)]


class Material(BaseModel):
    """What one reason must add to the raw score of the published level to be told: see `least`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material_share: Annotated[float, Field(ge=0, le=1)]
    material_log_odds: Annotated[float, Field(ge=0)]

    def least(self, in_favour: float) -> float:
        """The least contribution that is told, where all that speaks for the level adds up to `in_favour`."""
        return max(self.material_share * in_favour, self.material_log_odds)


class Policy(BaseModel):
    """How probabilities become a decision. `version` is made from the file's content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["most-probable", "least-cost"]
    cost: Annotated[tuple[Costs, ...], Field(min_length=5, max_length=5)] | None = None
    triage: Triage
    reasons: Material
    version: str

    @classmethod
    def load(cls, path: Path | None = None) -> "Policy":
        """Read a policy from TOML, or the built-in one; `TableError` when it is not one."""
        path = path or BUILT_IN / "policy.toml"
        try:
            return cls.model_validate(
                tomllib.loads(path.read_text(encoding="utf-8")) | {"version": digest([path])[:12]}
            )
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise TableError(f"{path}: {error}") from error

    @model_validator(mode="after")
    def _cost_where_needed(self) -> "Policy":
        if (self.cost is None) == (self.level == "least-cost"):
            raise ValueError('`cost` is given when level is "least-cost", and only then')
        return self

    @cached_property
    def worth(self) -> NDArray[np.float64]:
        """What it is worth (5, 5) to say a level (second axis) where another (first axis) is true."""
        return np.eye(5) if self.cost is None else -np.array(self.cost)

    def needs_person(self, *, plausible: int, top_probability: float, model_level: int, floor: int | None) -> bool:
        """Whether a person must look at a report that the model scored.

        plausible: size of the prediction set. floor: the least level that a rule allows, if one holds.
        """
        return (
            not 0 < plausible < self.triage.plausible_levels
            or top_probability < self.triage.top_probability
            or (floor is not None and floor - model_level >= self.triage.floor_gap)
        )


@kernel
def levels_of(probabilities: NDArray[np.float64], worth: NDArray[np.float64]) -> NDArray[np.int64]:
    """Levels 1 to 5 (n,) of probabilities (n, 5) by `Policy.worth`. Of levels that are equally good, the gravest."""
    levels = np.ones(probabilities.shape[0], np.int64)
    for row in range(probabilities.shape[0]):
        most = -np.inf
        for level in range(5):
            expected = 0.0
            for true in range(5):
                expected += probabilities[row, true] * worth[true, level]
            if expected >= most:
                levels[row], most = level + 1, expected
    return levels
