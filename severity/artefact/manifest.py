"""The manifest of a release: what it is, what it claims, which bytes belong to it. The signature covers all of it."""

import hashlib
import platform
import re
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.common import Code, Digest, Finite, Instant
from severity.facts import Information

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
MODEL: Final = "model.joblib"
GOLDEN: Final = "golden.json"
CARD: Final = "card.md"
CARD_JSON: Final = "card.json"

LIMITS: Final = {
    MANIFEST: 1 << 20,
    SIGNATURE: 1 << 12,
    MODEL: 1 << 30,
    GOLDEN: 1 << 24,
    CARD: 1 << 20,
    CARD_JSON: 1 << 20,
}
"""The files of a release, no others, and the most bytes that are read of each."""

DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""SHA-256 in lower-case hexadecimal: of a manifest, the name of its release's folder."""

OLDEST_JOBLIB: Final = (1, 6)
"""Older ones load what newer ones write only by chance."""


class Refusal(StrEnum):
    """Why an artefact is not used."""

    LOCATION = "bad-location"
    UNREACHABLE = "unreachable"
    MISSING_FILE = "missing-file"
    UNEXPECTED_FILE = "unexpected-file"
    TOO_LARGE = "too-large"
    WRONG_DIGEST = "wrong-digest"
    BAD_SIGNATURE = "bad-signature"
    UNTRUSTED_KEY = "untrusted-key"
    BAD_MANIFEST = "bad-manifest"
    OLD_RELEASE = "old-release"
    OTHER_VERSIONS = "other-versions"
    WRONG_CONTENT = "wrong-content"
    NOT_CHAMPION = "not-a-champion"
    NOT_A_MODEL = "not-a-model"
    GOLDEN_ROWS = "golden-rows"


class ArtefactRefused(ValueError):
    """An artefact that is not used: `reason` for counters, `detail` for people: what, where, what to do."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it survives being sent from another process
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class FileFact(BaseModel):
    """Size in bytes and digest of one file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=0)]
    sha256: Digest


class Versions(BaseModel):
    """Exact versions of what a model is made and evaluated with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: str
    scikit_learn: str
    joblib: str
    numpy: str
    numba: str

    @classmethod
    def installed(cls) -> "Versions":
        """Those of this process."""
        return cls(
            python=platform.python_version(),
            scikit_learn=version("scikit-learn"),
            joblib=version("joblib"),
            numpy=version("numpy"),
            numba=version("numba"),
        )

    def require(self, here: "Versions") -> None:
        """Refuse (`other-versions`) unless what was pickled with these versions can be loaded with those `here`."""
        if tuple(map(int, here.joblib.split(".")[:2])) < OLDEST_JOBLIB:
            raise ArtefactRefused(Refusal.OTHER_VERSIONS, f"joblib {here.joblib} is too old: install 1.6 or newer")
        for name in ("scikit_learn", "joblib"):
            made, installed = getattr(self, name), getattr(here, name)
            if made != installed:
                package = name.replace("_", "-")
                raise ArtefactRefused(
                    Refusal.OTHER_VERSIONS,
                    f"made with {package} {made}, here is {installed}: install {package}=={made} or retrain",
                )

    def differences(self, here: "Versions") -> list[str]:
        """Versions that differ, in words."""
        pairs = ((name, getattr(self, name), getattr(here, name)) for name in type(self).model_fields)
        return [f"made with {name} {made}, here is {installed}" for name, made, installed in pairs if made != installed]


class Decision(BaseModel):
    """A person's word that an older artefact is to score, in the place of the gate's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["promote", "rollback"]
    by: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    at: Instant
    restores: Digest = Field(description="Release whose model, golden rows and figures this one carries.")


class Draft(BaseModel):
    """What a trainer says of a release; the rest of the manifest is found out when it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Code
    release: Annotated[int, Field(ge=1, description="Only ever rises; a rollback is a new release.")]
    role: Literal["champion", "challenger"] = Field(
        description="What it may be: a scorer takes no announced champion whose own manifest says challenger."
    )
    decision: Decision | None = Field(None, description="The person who decided on it, if it was one.")
    created_at: Instant = Field(description="When its model was made; a release that restores an older one keeps it.")
    expires_at: Instant
    window_from: Instant | None = Field(description="First and last report that it was fitted to.")
    window_to: Instant | None
    rows: Annotated[int, Field(ge=0, description="Labelled reports it was fitted to.")]
    information: Information
    levels: Digest = Field(description="Digest of the level tables that its labels come from.")
    policy_version: Code = Field(description="Policy, rules and schemes with which its published figures were made.")
    parent: Digest | None = Field(description="Digest of the release before it.")
    marks: dict[str, int] = Field(description="Intake marks of the dataset it was fitted to.")
    tables: dict[str, int] = Field({}, description="Versions of the dataset's tables at the time.")
    training_set: Digest | None = Field(None, description="Digest of its rows, as `severity train --as-of` gives.")
    by_basis: dict[str, int] = Field({}, description="Labelled reports by basis of their label.")
    by_level: dict[str, int] = Field({}, description="Labelled reports by level.")
    left_out: dict[str, int] = Field({}, description="Outcomes that gave no label, by reason.")
    judged_on: Annotated[str, Field(max_length=1000)] = Field("", description="On what the figures stand, in words.")
    metrics: dict[str, Finite]
    verdict: Annotated[str, Field(max_length=2000)]


class Manifest(Draft):
    """A release. Its digest, the SHA-256 of its bytes, is its name."""

    format: Literal[1] = 1
    key_id: Code = Field(description="Key that signs it.")
    versions: Versions
    files: dict[Literal["model.joblib", "golden.json", "card.md", "card.json"], FileFact]

    def warnings(self, here: Versions, now: datetime) -> tuple[str, ...]:
        """What to tell an operator, though the release is used."""
        expired = [f"expired on {self.expires_at:%Y-%m-%d}: train a new one"] if now > self.expires_at else []
        return (*expired, *self.versions.differences(here))


class SignatureFile(BaseModel):
    """`manifest.sig`: an Ed25519 signature over the manifest's bytes, in base64, and the key that made it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_id: Code
    signature: str


def sha256(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
