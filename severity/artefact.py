"""Reading a release: verified before a byte of it is unpickled.

A pickle runs code when it is loaded. So `verify` reads every byte once and checks signature and digests, and `load`
unpickles those very bytes: nothing that changes on disk in between can get in.
"""

import base64
import binascii
import stat
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import joblib
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef
from severity.conformal import PredictionSets
from severity.forest import ForestMismatch, check
from severity.keys import TrustedKeys
from severity.manifest import (
    CARD,
    GOLDEN,
    LIMITS,
    MANIFEST,
    MODEL,
    SIGNATURE,
    ArtefactRefused,
    FileFact,
    Manifest,
    Refusal,
    SignatureFile,
    Versions,
    sha256,
)
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
    model: bytes
    golden: bytes
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
    location: str | Path, keys: TrustedKeys, *, minimum_release: int, digest: str | None = None, now: datetime
) -> VerifiedArtefact:
    """Read a release once and check that it may be loaded; nothing is unpickled. Raises ArtefactRefused.

    location: a folder, as path or `file://` URL. minimum_release: the least release that is taken, the high-water mark
    of what was used before. digest: the announced one; without it, the folder's name. now: an expired release is used,
    with a warning.
    """
    folder = _folder(location)
    _require_files(folder)
    body = _read(folder / MANIFEST, LIMITS[MANIFEST])
    found = sha256(body)
    if found != (digest or folder.name):
        raise ArtefactRefused(
            Refusal.WRONG_DIGEST, f"{folder / MANIFEST} has digest {found}, not {digest or folder.name}"
        )
    key_id = _require_signature(_read(folder / SIGNATURE, LIMITS[SIGNATURE]), body, keys, folder)
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        raise ArtefactRefused(Refusal.BAD_MANIFEST, f"{folder / MANIFEST}: {error}") from error
    if manifest.key_id != key_id or manifest.files.keys() != {MODEL, GOLDEN, CARD}:
        raise ArtefactRefused(Refusal.BAD_MANIFEST, f"{folder / MANIFEST} names another key or other files")
    if manifest.release < minimum_release:
        raise ArtefactRefused(
            Refusal.OLD_RELEASE,
            f"release {manifest.release} is older than {minimum_release}, which was used: releases only rise",
        )
    here = Versions.installed()
    manifest.versions.require(here)
    contents = {name: _content(folder / name, fact) for name, fact in manifest.files.items()}
    return VerifiedArtefact(manifest, found, contents[MODEL], contents[GOLDEN], manifest.warnings(here, now))


def load(verified: VerifiedArtefact) -> Loaded:
    """Unpickle a verified release, compile it, and have it prove itself on its golden rows. Raises ArtefactRefused.

    The forest must give scikit-learn's own raw scores on these rows, and the whole the scores it was written with.
    """
    try:
        model, prediction_sets = joblib.load(BytesIO(verified.model))
        golden = Golden.model_validate_json(verified.golden)
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


def _folder(location: str | Path) -> Path:
    if isinstance(location, Path):
        return location
    url = urlsplit(location)
    if len(url.scheme) < 2:  # a path; one letter is a drive of Windows
        return Path(location)
    if url.scheme != "file" or url.netloc not in ("", "localhost"):
        raise ArtefactRefused(Refusal.LOCATION, f"{location} is neither a path nor a file:// URL of this machine")
    return Path(url2pathname(url.path))


def _require_files(folder: Path) -> None:
    try:
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise ArtefactRefused(Refusal.UNREACHABLE, f"{folder} cannot be read: {error}") from error
    if missing := LIMITS.keys() - present:
        raise ArtefactRefused(Refusal.MISSING_FILE, f"{folder} has no {', '.join(sorted(missing))}")
    if more := present - LIMITS.keys():
        raise ArtefactRefused(
            Refusal.UNEXPECTED_FILE, f"{folder} also holds {', '.join(sorted(more))[:200]}: remove it"
        )


def _read(path: Path, limit: int) -> bytes:
    """All of a regular file, at most `limit` bytes; a link could lead to a device that never ends."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ArtefactRefused(Refusal.UNEXPECTED_FILE, f"{path} is not a regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ArtefactRefused(Refusal.UNREACHABLE, f"{path} cannot be read: {error}") from error
    if len(content) > limit:
        raise ArtefactRefused(Refusal.TOO_LARGE, f"{path} is larger than {limit} bytes")
    return content


def _content(path: Path, fact: FileFact) -> bytes:
    content = _read(path, min(fact.size, LIMITS[path.name]))
    if sha256(content) != fact.sha256:
        raise ArtefactRefused(Refusal.WRONG_CONTENT, f"{path} is not what the manifest says")
    return content


def _require_signature(signed: bytes, body: bytes, keys: TrustedKeys, folder: Path) -> str:
    try:
        claim = SignatureFile.model_validate_json(signed)
        signature = base64.b64decode(claim.signature, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise ArtefactRefused(Refusal.BAD_SIGNATURE, f"{folder / SIGNATURE} is not a signature") from error
    if claim.key_id not in keys.keys:
        raise ArtefactRefused(
            Refusal.UNTRUSTED_KEY,
            f"{folder} is signed by key {claim.key_id}: trust its public key if it is the trainer's",
        )
    if not keys.verify(claim.key_id, signature, body):
        raise ArtefactRefused(Refusal.BAD_SIGNATURE, f"{folder / MANIFEST} is not what key {claim.key_id} signed")
    return claim.key_id
