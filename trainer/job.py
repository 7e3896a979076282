"""What a training is told and what it answers, as they cross the border between two processes."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schemas.model_version import ModelVersion


class Job(BaseModel):
    """One training. `release`: the number that the artefact will carry; `parent`: digest of the champion before it."""

    model_config = ConfigDict(frozen=True)

    dataset: Path
    artefacts: Path
    signing_key: Path
    levels: Path | None
    model_name: str
    release: int
    parent: str | None
    now: datetime
    expires_days: float
    marks: dict[str, int] | None = None
    """The state of the dataset to train on; None: all that is there."""


class Result(BaseModel):
    """What came of it.

    `version` is None when there were too few labels to fit anything: nothing was written then. Else it is the
    announcement of the artefact, as champion or, when the gate did not let it pass, as challenger.
    """

    model_config = ConfigDict(frozen=True)

    version: ModelVersion | None
    promoted: bool
    verdict: str
    rows: int
    seconds: dict[str, float]
    """Time by stage."""
