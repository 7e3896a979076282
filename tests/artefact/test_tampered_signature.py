"""Wrong keys, no signature, another's signature, old releases, and releases that are not what they are announced as."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import SIGNATURE
from severity.artefact.writing import Signed
from tests.artefact.releases import NOW, Maker
from tests.artefact.scene import Scene


def sign(scene: Scene, victim: Signed, **fields: Any) -> None:
    """Other fields in the signature's file."""
    path = scene.base / victim.digest / SIGNATURE
    path.write_text(json.dumps(json.loads(path.read_bytes()) | fields))


def test_a_release_of_a_stranger_is_refused(scene: Scene, case: Maker, tmp_path: Path) -> None:
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    signed = case.release(scene.base, signer=stranger)
    assert scene.refuses(signed.announcement()) == "untrusted-key"


def test_a_strangers_signature_under_the_trainers_name_is_refused(scene: Scene, victim: Signed, tmp_path: Path) -> None:
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    body = (scene.base / victim.digest / "manifest.json").read_bytes()
    sign(scene, victim, signature=base64.b64encode(stranger.sign(body)).decode())
    assert scene.refuses(victim.announcement()) == "bad-signature"


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[" * 4000, b'{"key_id": "KEY", "signature": "?"}',
                                     b'{"key_id": "KEY", "signature": ""}'])  # fmt: skip
def test_what_is_no_signature_is_refused(scene: Scene, victim: Signed, case: Maker, content: bytes) -> None:
    content = content.replace(b"KEY", case.signer.key_id.encode())
    (scene.base / victim.digest / SIGNATURE).write_bytes(content)
    assert scene.refuses(victim.announcement()) == "bad-signature"


def test_a_truncated_signature_is_refused(scene: Scene, victim: Signed) -> None:
    sign(scene, victim, signature=base64.b64encode(victim.signature[:32]).decode())
    assert scene.refuses(victim.announcement()) == "bad-signature"


def test_the_signature_of_another_release_is_refused(scene: Scene, victim: Signed, case: Maker) -> None:
    other = case.release(scene.base, release=8)
    shutil.copy(scene.base / other.digest / SIGNATURE, scene.base / victim.digest / SIGNATURE)
    assert scene.refuses(victim.announcement()) == "bad-signature"


def test_a_replayed_older_release_is_refused_whoever_signed_it(scene: Scene, victim: Signed, case: Maker) -> None:
    assert scene.announce(victim.announcement()).result == "loaded"
    older = case.release(scene.base, release=6)
    assert scene.refuses(older.announcement()) == "old-release"


def test_an_older_release_under_a_newer_ones_number_is_refused(scene: Scene, victim: Signed, case: Maker) -> None:
    assert scene.announce(victim.announcement()).result == "loaded"
    older = case.release(scene.base, release=6)
    assert scene.refuses(older.announcement().model_copy(update={"release": 9})) == "old-release"


def test_a_number_that_was_used_is_not_used_for_another_artefact(scene: Scene, victim: Signed, case: Maker) -> None:
    assert scene.announce(victim.announcement()).result == "loaded"
    other = case.release(scene.base, metrics={})
    assert scene.refuses(other.announcement()) == "reused-release"


def test_a_challenger_that_somebody_announces_as_champion_is_refused(scene: Scene, case: Maker) -> None:
    signed = case.release(scene.base, role="challenger")
    assert scene.refuses(signed.announcement("champion")) == "not-a-champion"


def test_another_models_release_is_refused(scene: Scene, case: Maker) -> None:
    signed = case.release(scene.base, name="traffic")
    assert scene.refuses(signed.announcement().model_copy(update={"name": "severity"})) == "other-release"


def test_a_release_announced_under_a_lower_number_than_its_own_is_refused(scene: Scene, case: Maker) -> None:
    signed = case.release(scene.base, release=50)
    assert scene.refuses(signed.announcement().model_copy(update={"release": 8})) == "other-release"


def test_an_expired_release_still_scores(scene: Scene, victim: Signed) -> None:
    scene.time = NOW.replace(year=2030)
    assert scene.announce(victim.announcement()).result == "loaded"
    assert any("expired" in warning for warning in scene.offered[-1].warnings)
