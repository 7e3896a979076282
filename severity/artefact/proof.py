"""Proving a manifest: that it is the announced one, and that a trusted key signed it. Needs nothing that unpickles."""

import base64
import binascii
from dataclasses import dataclass

from pydantic import ValidationError

from severity.artefact.keys import TrustedKeys
from severity.artefact.manifest import (
    LIMITS,
    MANIFEST,
    SIGNATURE,
    ArtefactRefused,
    Manifest,
    Refusal,
    SignatureFile,
    sha256,
)
from severity.artefact.store import Store, location

FILES = LIMITS.keys() - {MANIFEST, SIGNATURE}
"""What a manifest must name, no more and no less."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A manifest that a trusted key signed."""

    digest: str
    manifest: Manifest


def prove(store: Store, digest: str, keys: TrustedKeys) -> Proved:
    """Read the manifest of release `digest` and check its signature. Raises ArtefactRefused."""
    place = location(store, digest)
    body = store.read(digest, MANIFEST, LIMITS[MANIFEST])
    found = sha256(body)
    if found != digest:
        raise ArtefactRefused(Refusal.WRONG_DIGEST, f"{place}/{MANIFEST} has digest {found}, not {digest}")
    key_id = _require_signature(store.read(digest, SIGNATURE, LIMITS[SIGNATURE]), body, keys, place)
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        raise ArtefactRefused(Refusal.BAD_MANIFEST, f"{place}/{MANIFEST}: {error}") from error
    if manifest.key_id != key_id or manifest.files.keys() != FILES:
        raise ArtefactRefused(Refusal.BAD_MANIFEST, f"{place}/{MANIFEST} names another key or other files")
    return Proved(found, manifest)


def _require_signature(signed: bytes, body: bytes, keys: TrustedKeys, place: str) -> str:
    try:
        claim = SignatureFile.model_validate_json(signed)
        signature = base64.b64decode(claim.signature, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise ArtefactRefused(Refusal.BAD_SIGNATURE, f"{place}/{SIGNATURE} is not a signature") from error
    if claim.key_id not in keys.keys:
        raise ArtefactRefused(
            Refusal.UNTRUSTED_KEY,
            f"{place} is signed by key {claim.key_id}: trust its public key if it is the trainer's",
        )
    if not keys.verify(claim.key_id, signature, body):
        raise ArtefactRefused(Refusal.BAD_SIGNATURE, f"{place}/{MANIFEST} is not what key {claim.key_id} signed")
    return claim.key_id
