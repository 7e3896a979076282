"""Keys that sign releases."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from severity.artefact.keys import KeyFileError, TrustedKeys, load_private, load_trusted, new_pair


def test_what_one_key_signs_its_public_key_verifies_and_no_other(tmp_path: Path) -> None:
    private, public = new_pair(tmp_path / "a")
    signer, trusted = load_private(private), load_trusted(public)
    signature = signer.sign(b"release 1")
    assert len(signature) == 64
    assert trusted.verify(signer.key_id, signature, b"release 1")
    assert not trusted.verify(signer.key_id, signature, b"release 2")
    assert not trusted.verify(signer.key_id, signature[::-1], b"release 1")
    other = load_private(new_pair(tmp_path / "b")[0])
    assert not trusted.verify(signer.key_id, other.sign(b"release 1"), b"release 1")
    assert not trusted.verify(other.key_id, other.sign(b"release 1"), b"release 1")
    assert not TrustedKeys({}).verify(signer.key_id, signature, b"release 1")


def test_a_folder_gives_every_public_key_in_it_and_no_private_one(tmp_path: Path) -> None:
    ids = {load_private(new_pair(tmp_path, name)[0]).key_id for name in ("old", "new")}
    assert load_trusted(tmp_path).keys.keys() == ids


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    private, _ = new_pair(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", ["severity.private.pem", "severity.public.pem"])
def test_a_key_is_never_overwritten(tmp_path: Path, kept: str) -> None:
    paths = new_pair(tmp_path)
    before = (tmp_path / kept).read_bytes()
    for path in paths:
        if path.name != kept:
            path.unlink()
    with pytest.raises(KeyFileError, match="exists"):
        new_pair(tmp_path)
    assert (tmp_path / kept).read_bytes() == before


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="holds no"):
        load_trusted(tmp_path)
    nonsense = tmp_path / "nonsense.public.pem"
    nonsense.write_text("not a key")
    with pytest.raises(KeyFileError, match="nonsense"):
        load_trusted(tmp_path)
    with pytest.raises(KeyFileError, match="nonsense"):
        load_private(nonsense)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(65537, 2048)
    private, public = tmp_path / "rsa.private.pem", tmp_path / "rsa.public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyFileError, match="Ed25519"):
        load_private(private)
    with pytest.raises(KeyFileError, match="Ed25519"):
        load_trusted(public)
