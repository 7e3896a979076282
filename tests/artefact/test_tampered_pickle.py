"""Pickles with a payload: it never runs, wherever it is put."""

from pathlib import Path

import joblib
import pytest

from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import LIMITS, MANIFEST, MODEL
from severity.artefact.writing import Signed
from tests.artefact.releases import Maker, planted
from tests.artefact.scene import Scene


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """Is written when a payload runs."""
    return tmp_path / "proof"


def test_the_payload_would_run(proof: Path, tmp_path: Path) -> None:
    (tmp_path / MODEL).write_bytes(planted(proof))
    joblib.load(tmp_path / MODEL)
    assert proof.exists()


@pytest.mark.parametrize("name", sorted(LIMITS))
@pytest.mark.parametrize("padded", [False, True])
def test_in_the_place_of_any_file(scene: Scene, victim: Signed, proof: Path, name: str, padded: bool) -> None:
    path = scene.base / victim.digest / name
    size = path.stat().st_size
    content = planted(proof)
    path.write_bytes(content.ljust(size, b"\x00")[: max(size, len(content))] if padded else content)
    scene.refuses(victim.announcement())
    assert not proof.exists()


def test_behind_the_model_itself(scene: Scene, victim: Signed, proof: Path) -> None:
    path = scene.base / victim.digest / MODEL
    path.write_bytes(path.read_bytes() + planted(proof))
    assert scene.refuses(victim.announcement()) == "too-large"
    assert not proof.exists()


def test_under_a_manifest_that_names_it_but_is_not_signed_anew(
    scene: Scene, victim: Signed, case: Maker, proof: Path
) -> None:
    folder = case.replace(scene.base / victim.digest, MODEL, planted(proof))
    (folder / "manifest.sig").write_bytes((scene.base / scene.answers[0].digest / "manifest.sig").read_bytes())
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "bad-signature"
    assert not proof.exists()


def test_under_a_strangers_signature(scene: Scene, victim: Signed, case: Maker, proof: Path, tmp_path: Path) -> None:
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    folder = case.replace(scene.base / victim.digest, MODEL, planted(proof), stranger)
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "untrusted-key"
    assert not proof.exists()


def test_signed_by_the_trainer_but_of_other_versions_than_ours(
    scene: Scene, victim: Signed, case: Maker, proof: Path
) -> None:
    folder = case.replace(scene.base / victim.digest, MODEL, planted(proof))
    folder = case.resign(folder, lambda manifest: manifest["versions"].update(scikit_learn="0.1"))
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "other-versions"
    assert not proof.exists()


def test_as_the_manifest(scene: Scene, victim: Signed, proof: Path) -> None:
    (scene.base / victim.digest / MANIFEST).write_bytes(planted(proof))
    assert scene.refuses(victim.announcement()) == "wrong-digest"
    assert not proof.exists()
