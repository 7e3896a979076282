"""A model release announced to every scorer: topic `model-versions` (compacted)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.common import Code, Digest, Instant, Outbound

Role = Literal["champion", "challenger", "release"]


class ModelVersion(Outbound):
    """Where a release lies and what it claims.

    A scorer believes only the signed manifest that it fetches: `digest` is the manifest's SHA-256, `signature` an
    Ed25519 signature over the manifest's bytes; the other fields are for people and dashboards.
    """

    ce_type: ClassVar[str] = "severity.model-version.v1"

    name: Code
    role: Role
    release: Annotated[int, Field(ge=1, lt=2**31, description="Only ever rises; a rollback is a new release.")]
    digest: Digest
    location: Annotated[str, Field(min_length=1, max_length=2048, description="URL of the artefact's folder.")]
    key_id: Code
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$", description="Ed25519, base64.")]
    restores: Digest | None = Field(None, description="Older release whose model it carries, by a person's decision.")
    created_at: Instant
    expires_at: Instant
    rows: Annotated[int, Field(ge=0, description="Labelled reports it was fitted to.")]
    metrics: dict[str, float]
    verdict: Annotated[str, Field(max_length=2000)]

    @property
    def key(self) -> bytes:
        """Kafka key: `<name>/<role>`, a release with its number; compaction keeps the last of each."""
        return f"{self.name}/{self.role}{f'/{self.release}' if self.role == 'release' else ''}".encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: name, role and release."""
        return f"{self.name}/{self.role}/{self.release}"
