"""What a training is told and what it answers, as they cross the border between two processes."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from schemas.model_version import ModelVersion


class Job(BaseModel):
    """One training. `release`: the number that the artefact will carry; `parent`: digest of the champion before it."""

    model_config = ConfigDict(frozen=True)

    dataset: str | Path
    """Folder or `s3://` URL of the Delta tables."""
    artefacts: str | Path
    """Folder or URL of the store of releases."""
    signing_key: Path
    levels: Path | None
    model_name: str
    release: int
    parent: str | None
    hold: str | None = None
    """Why what passes the gate must wait for a person: a person put the champion back."""
    now: datetime
    expires_days: float
    marks: dict[str, int] | None = None
    """The state of the dataset to train on; None: all that is there."""
    window: int = Field(1_000_000, ge=1)
    """Newest labelled reports that are learned from."""
    half_life_days: float | None = Field(None, gt=0)
    """Age of a report at which it counts half in a fit; None: age does not matter."""
    threads: int = Field(1, ge=1)
    """Fits that may run side by side; their results do not depend on it."""


class Result(BaseModel):
    """What came of it.

    `version` is None when there were too few labels to fit anything: nothing was written then. Else it is the
    announcement of the artefact, as champion or, when the gate did not let it pass, as challenger.
    """

    model_config = ConfigDict(frozen=True)

    version: ModelVersion | None
    promoted: bool
    verdict: str
    reason: str = ""
    """Why it was not promoted, a short code of `trainer.judging.gate` for counters; empty when it was."""
    rows: int
    seconds: dict[str, float]
    """Time by stage."""
