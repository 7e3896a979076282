"""Ed25519 keys: the trainer signs what it releases, a scorer trusts the public keys in one folder or file."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

PUBLIC_SUFFIX: Final = ".public.pem"
PRIVATE_SUFFIX: Final = ".private.pem"


class KeyFileError(ValueError):
    """A key file that cannot be used: which one, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key. `key_id` names the public key that goes with it."""

    key_id: str
    _key: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""
        return self._key.sign(data)

    @property
    def trusted(self) -> "TrustedKeys":
        """Its own public key."""
        return TrustedKeys({self.key_id: self._key.public_key()})


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Public keys by their id."""

    keys: Mapping[str, Ed25519PublicKey]

    def verify(self, key_id: str, signature: bytes, data: bytes) -> bool:
        """Whether the trusted key `key_id` signed `data`; False for a key that is not trusted."""
        key = self.keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def new_pair(folder: Path, name: str = "severity") -> tuple[Path, Path]:
    """Make a key pair; the paths of `<name>.private.pem`, for its owner's eyes alone, and `<name>.public.pem`.

    The folder is made if absent. `KeyFileError` when one of the files exists: a key is never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}{PRIVATE_SUFFIX}", folder / f"{name}{PUBLIC_SUFFIX}"
    if public.exists():
        raise KeyFileError(f"{public} exists: choose another name, or remove the pair yourself")
    _create(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _create(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return private, public


def load_private(path: Path) -> Signer:
    """Read a private key; `KeyFileError` when it is none, `OSError` when there is no such file."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path} is not an unencrypted private key in PEM: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind than Ed25519: make one with `severity keys new`")
    return Signer(key_id(key.public_key()), key)


def load_trusted(path: Path) -> TrustedKeys:
    """Read the public keys `*.public.pem` of a folder, or the one in a file.

    `KeyFileError` when there is none, or one cannot be read.
    """
    if not path.exists():
        raise KeyFileError(f"there is no public key at {path}: `severity keys new FOLDER` makes a pair")
    paths = sorted(path.glob(f"*{PUBLIC_SUFFIX}")) if path.is_dir() else [path]
    if not paths:
        raise KeyFileError(f"{path} holds no *{PUBLIC_SUFFIX}: put the trainer's public key there")
    keys = [_public(file) for file in paths]
    return TrustedKeys({key_id(key): key for key in keys})


def key_id(key: Ed25519PublicKey) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path} is not a public key in PEM: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds a key of another kind than Ed25519")
    return key


def _create(path: Path, content: bytes, mode: int) -> None:
    try:
        # With the mode from the start, so that the key is never readable by others, not even for a moment.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise KeyFileError(f"{path} exists: choose another name, or remove the pair yourself") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
