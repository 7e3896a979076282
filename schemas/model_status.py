"""A scorer's answer to an announced release: topic `model-status` (compacted, key = instance)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.common import Code, Digest, Instant, Outbound


class ModelStatus(Outbound):
    """Loaded, or refused and why."""

    ce_type: ClassVar[str] = "severity.model-status.v1"

    instance: Code
    name: Code
    release: Annotated[int, Field(ge=1, lt=2**31)]
    digest: Digest
    result: Literal["loaded", "refused"]
    reason: Code | None = None
    detail: Annotated[str, Field(max_length=2000)] | None = None
    at: Instant

    @property
    def key(self) -> bytes:
        """Kafka key: the instance, so that compaction keeps each scorer's last answer."""
        return self.instance.encode()

    @property
    def ce_id(self) -> str:
        """CloudEvents id: instance and release."""
        return f"{self.instance}/{self.name}/{self.release}"
