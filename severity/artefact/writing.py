"""Writing a release: content-addressed, signed, and there whole or not at all."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import joblib

from schemas.crime_report import CrimeReport
from schemas.model_version import ModelVersion, Role
from severity.artefact.card import Card
from severity.artefact.keys import Signer
from severity.artefact.manifest import (
    CARD,
    CARD_JSON,
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
from severity.artefact.reading import Golden, VerifiedArtefact
from severity.artefact.store import Store, location, open_store
from severity.conformal import PredictionSets
from severity.model import SeverityModel


@dataclass(frozen=True, slots=True)
class Signed:
    """A release that was written. `location`: the URL of its folder."""

    location: str
    digest: str
    manifest: Manifest
    signature: bytes

    def announcement(self, role: Role | None = None) -> ModelVersion:
        """What to publish on `model-versions`, by default in the role that its manifest gives it."""
        m = self.manifest
        return ModelVersion(
            name=m.name,
            role=role or m.role,
            release=m.release,
            digest=self.digest,
            location=self.location,
            key_id=m.key_id,
            signature=base64.b64encode(self.signature).decode(),
            restores=m.decision.restores if m.decision else None,
            created_at=m.created_at,
            expires_at=m.expires_at,
            rows=m.rows,
            metrics=m.metrics,
            verdict=m.verdict,
        )


def write(
    base: str | Path,
    draft: Draft,
    model: SeverityModel,
    prediction_sets: PredictionSets,
    golden: Sequence[CrimeReport],
    signer: Signer,
) -> Signed:
    """Write a release to the store at `base`, a folder or URL (`severity.artefact.store`), with its card.

    golden: some reports, at least one, whose scores are kept and checked at every load. They lose their numbers.
    """
    if not golden:
        raise ValueError("a release needs golden reports: without them no load could be checked")
    reports = [_nameless(number, report) for number, report in enumerate(golden, 1)]
    raw = model.raw_scores(reports).tolist()
    pickled = BytesIO()
    joblib.dump((model, prediction_sets), pickled)
    contents = {
        MODEL: pickled.getvalue(),
        GOLDEN: Golden(reports=tuple(reports), raw=tuple(map(tuple, raw))).model_dump_json().encode(),
    }
    return _sign(open_store(base), draft, contents, Versions.installed(), signer)


def reissue(base: str | Path, old: VerifiedArtefact, draft: Draft, signer: Signer) -> Signed:
    """Write a release that carries the model and the golden rows of `old` under another number, signed anew."""
    kept = {name: old.contents[name] for name in (MODEL, GOLDEN)}
    return _sign(open_store(base), draft, kept, old.manifest.versions, signer)


def _sign(store: Store, draft: Draft, kept: Mapping[str, bytes], versions: Versions, signer: Signer) -> Signed:
    card = Card(facts=draft)
    contents = {**kept, CARD: card.markdown().encode(), CARD_JSON: card.model_dump_json(indent=2).encode()}
    if large := [name for name, content in contents.items() if len(content) > LIMITS[name]]:
        raise ValueError(
            f"no reader would take {', '.join(large)}: larger than severity.artefact.manifest.LIMITS allows"
        )
    manifest = Manifest(
        **draft.model_dump(),
        key_id=signer.key_id,
        versions=versions,
        files={name: FileFact(size=len(content), sha256=sha256(content)) for name, content in contents.items()},
    )
    body = manifest.model_dump_json(indent=2).encode()
    digest, signature = sha256(body), signer.sign(body)
    signed = SignatureFile(key_id=signer.key_id, signature=base64.b64encode(signature).decode())
    store.write(digest, {**contents, SIGNATURE: signed.model_dump_json().encode(), MANIFEST: body})
    return Signed(location(store, digest), digest, manifest, signature)


def _nameless(number: int, report: CrimeReport) -> CrimeReport:
    """The report as a reader has it, under a number that is nobody's."""
    return CrimeReport.model_validate_json(
        report.model_copy(update={"report_id": f"golden-{number}"}).model_dump_json()
    )
