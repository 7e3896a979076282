"""Writing a release: a folder named by its manifest's digest, signed, and there whole or not at all."""

import base64
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import joblib

from schemas.crime_report import CrimeReport
from schemas.model_version import ModelVersion, Role
from severity.artefact import Golden
from severity.conformal import PredictionSets
from severity.keys import Signer
from severity.manifest import (
    CARD,
    GOLDEN,
    LIMITS,
    MANIFEST,
    MODEL,
    SIGNATURE,
    Draft,
    FileFact,
    Manifest,
    SignatureFile,
    Versions,
    sha256,
)
from severity.model import SeverityModel

WRITING: Final = ".writing"
"""Folder beside the releases where one is made, before it gets its name."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A release that was written."""

    folder: Path
    digest: str
    manifest: Manifest
    signature: bytes

    def announcement(self, role: Role) -> ModelVersion:
        """What to publish on `model-versions`."""
        m = self.manifest
        return ModelVersion(
            name=m.name,
            role=role,
            release=m.release,
            digest=self.digest,
            location=self.folder.absolute().as_uri(),
            key_id=m.key_id,
            signature=base64.b64encode(self.signature).decode(),
            created_at=m.created_at,
            expires_at=m.expires_at,
            rows=m.rows,
            metrics=m.metrics,
            verdict=m.verdict,
        )


def write(
    parent: Path,
    draft: Draft,
    model: SeverityModel,
    prediction_sets: PredictionSets,
    golden: Sequence[CrimeReport],
    card: str,
    signer: Signer,
) -> Signed:
    """Write a release as `parent/<digest>`, which appears at once and whole.

    golden: some reports, at least one, whose scores are kept and checked at every load. card: the model card, Markdown.
    """
    if not golden:
        raise ValueError("a release needs golden reports: without them no load could be checked")
    reports = [CrimeReport.model_validate_json(report.model_dump_json()) for report in golden]  # as a reader has them
    raw = model.raw_scores(reports).tolist()
    pickled = BytesIO()
    joblib.dump((model, prediction_sets), pickled)
    contents = {
        MODEL: pickled.getvalue(),
        GOLDEN: Golden(reports=tuple(reports), raw=tuple(map(tuple, raw))).model_dump_json().encode(),
        CARD: card.encode(),
    }
    if large := [name for name, content in contents.items() if len(content) > LIMITS[name]]:
        raise ValueError(f"no reader would take {', '.join(large)}: larger than severity.manifest.LIMITS allows")
    manifest = Manifest(
        **draft.model_dump(),
        key_id=signer.key_id,
        versions=Versions.installed(),
        files={name: FileFact(size=len(content), sha256=sha256(content)) for name, content in contents.items()},
    )
    body = manifest.model_dump_json(indent=2).encode()
    digest, signature = sha256(body), signer.sign(body)
    signed = SignatureFile(key_id=signer.key_id, signature=base64.b64encode(signature).decode())
    contents |= {MANIFEST: body, SIGNATURE: signed.model_dump_json().encode()}
    folder = parent / digest
    if not folder.exists():
        _appear(folder, contents)
    return Signed(folder, digest, manifest, signature)


def _appear(folder: Path, contents: dict[str, bytes]) -> None:
    """Make a folder under another name, put its bytes on the disk, and rename it: it is never half there."""
    making = folder.parent / WRITING / folder.name
    shutil.rmtree(making, ignore_errors=True)  # of a writer that died
    making.mkdir(parents=True)
    for name, content in contents.items():
        with (making / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync(making)
    making.rename(folder)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Put a folder's own entries on the disk, where the system can: Windows opens no folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
