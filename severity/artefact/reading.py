"""Reading a release: verified before a byte of it is unpickled.

A pickle runs code when it is loaded. So `verify` reads every byte once and checks signature and digests, and `load`
unpickles those very bytes: nothing that changes on disk in between can get in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final

import joblib
import numpy as np
from pydantic import BaseModel, ConfigDict

from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef
from severity.artefact.keys import TrustedKeys
from severity.artefact.manifest import (
    GOLDEN,
    LIMITS,
    MODEL,
    ArtefactRefused,
    FileFact,
    Manifest,
    Refusal,
    Versions,
    sha256,
)
from severity.artefact.proof import prove
from severity.artefact.store import Store, location, split
from severity.conformal import PredictionSets
from severity.forest import ForestMismatch, check
from severity.model import SeverityModel
from severity.scorer import Scorer

TOLERANCE: Final = 1e-9
"""Largest difference from a golden row's raw score: what another machine's rounding may explain."""


class Golden(BaseModel):
    """Reports and the raw scores (n, 5) that the model gave them when it was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reports: tuple[CrimeReport, ...]
    raw: tuple[tuple[float, float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class VerifiedArtefact:
    """The bytes of a release that a trusted key signed; made by `verify` alone. `warnings` are for an operator."""

    manifest: Manifest
    digest: str
    contents: Mapping[str, bytes]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A release ready to score. `golden`: reports to warm up with."""

    scorer: Scorer
    prediction_sets: PredictionSets
    ref: ModelRef
    manifest: Manifest
    golden: tuple[CrimeReport, ...]
    warnings: tuple[str, ...]


def verify(
    place: str | Path, keys: TrustedKeys, *, minimum_release: int, digest: str | None = None, now: datetime
) -> VerifiedArtefact:
    """Read a release once and check that it may be loaded; nothing is unpickled. Raises ArtefactRefused.

    place: `<base>/<digest>`, a path or URL, see `severity.artefact.store`. minimum_release: the least release that is
    taken, the high-water mark of what was used before. digest: the announced one, where it is known from elsewhere than
    the place. now: an expired release is used, with a warning.
    """
    store, name = split(place)
    if digest not in (None, name):
        raise ArtefactRefused(Refusal.WRONG_DIGEST, f"{location(store, name)} is not release {digest}")
    _require_files(store, name)
    proved = prove(store, name, keys)
    manifest = proved.manifest
    if manifest.release < minimum_release:
        raise ArtefactRefused(
            Refusal.OLD_RELEASE,
            f"release {manifest.release} is older than {minimum_release}, which was used: releases only rise",
        )
    here = Versions.installed()
    manifest.versions.require(here)
    contents: dict[str, bytes] = {file: _content(store, name, file, fact) for file, fact in manifest.files.items()}
    return VerifiedArtefact(manifest, name, contents, manifest.warnings(here, now))


def load(verified: VerifiedArtefact) -> Loaded:
    """Unpickle a verified release, compile it, and have it prove itself on its golden rows. Raises ArtefactRefused.

    The forest must give scikit-learn's own raw scores on these rows, and the whole the scores it was written with.
    """
    try:
        model, prediction_sets = joblib.load(BytesIO(verified.contents[MODEL]))
        golden = Golden.model_validate_json(verified.contents[GOLDEN])
    except Exception as error:  # whatever a signed but broken file raises: it is refused like any other
        raise ArtefactRefused(Refusal.NOT_A_MODEL, f"{verified.digest}: {type(error).__name__}: {error}") from error
    if not isinstance(model, SeverityModel) or not isinstance(prediction_sets, PredictionSets) or not golden.reports:
        raise ArtefactRefused(Refusal.NOT_A_MODEL, f"{verified.digest} holds no SeverityModel and PredictionSets")
    try:
        scorer = model.compile()
        scores = scorer.score(golden.reports)
        check(scorer.forest, scores.columns, model.forest_._raw_predict(scores.columns))
    except ForestMismatch as error:
        raise ArtefactRefused(Refusal.GOLDEN_ROWS, f"{verified.digest}: {error}") from error
    difference = float(np.abs(scores.raw - np.array(golden.raw)).max())
    if not difference <= TOLERANCE:
        raise ArtefactRefused(
            Refusal.GOLDEN_ROWS, f"{verified.digest}: raw scores of golden rows differ by {difference:.3g} here"
        )
    m = verified.manifest
    ref = ModelRef(name=m.name, release=m.release, digest=verified.digest)
    return Loaded(scorer, prediction_sets, ref, m, golden.reports, verified.warnings)


def _require_files(store: Store, name: str) -> None:
    present = store.files(name)
    if missing := LIMITS.keys() - present:
        raise ArtefactRefused(Refusal.MISSING_FILE, f"{location(store, name)} has no {', '.join(sorted(missing))}")
    if more := present - LIMITS.keys():
        raise ArtefactRefused(
            Refusal.UNEXPECTED_FILE, f"{location(store, name)} also holds {', '.join(sorted(more))[:200]}: remove it"
        )


def _content(store: Store, name: str, file: str, fact: FileFact) -> bytes:
    content = store.read(name, file, min(fact.size, LIMITS[file]))
    if sha256(content) != fact.sha256:
        raise ArtefactRefused(Refusal.WRONG_CONTENT, f"{location(store, name)}/{file} is not what the manifest says")
    return content
