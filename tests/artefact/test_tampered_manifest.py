"""Every field of a manifest altered, taken out or added: no such release is loaded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.model_version import ModelVersion
from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import MANIFEST, Manifest, sha256
from severity.artefact.writing import Signed
from tests.artefact.releases import DRAFT, Maker
from tests.artefact.scene import Scene

Path_ = tuple[str, ...]
FILES = {name: {"size": 1, "sha256": "0" * 64} for name in ("model.joblib", "golden.json", "card.md", "card.json")}
SHAPE: dict[str, Any] = json.loads(DRAFT.model_dump_json()) | {
    "format": 1,
    "key_id": "k",
    "versions": {"python": "1", "scikit_learn": "1", "joblib": "1", "numpy": "1", "numba": "1"},
    "files": FILES,
}
"""A manifest as JSON, to walk through; what is in it does not matter."""


def leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place in a JSON value that holds no object."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path


PLACES = [*leaves(SHAPE)]


def altered(value: Any) -> Any:
    """Another value of the same kind, as valid as can be."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if len(value) == 64:
            return value[::-1] if value != value[::-1] else "e" * 64
        case str():
            return value.replace("2026", "2027") if "2026" in value else value + "x"
        case None:
            return "f" * 64
        case _:
            return {"more": 1}


def change(manifest: dict[str, Any], place: Path_) -> None:
    for name in place[:-1]:
        manifest = manifest[name]
    manifest[place[-1]] = altered(manifest[place[-1]])


def remove(manifest: dict[str, Any], place: Path_) -> None:
    for name in place[:-1]:
        manifest = manifest[name]
    del manifest[place[-1]]


def rewrite(scene: Scene, victim: Signed, body: bytes) -> ModelVersion:
    """The manifest's bytes replaced, and folder and announcement changed to fit: all but the signature."""
    folder = scene.base / victim.digest
    (folder / MANIFEST).write_bytes(body)
    digest = sha256(body)
    folder = folder.rename(scene.base / digest)
    return victim.announcement().model_copy(update={"digest": digest, "location": folder.as_uri()})


def test_the_places_are_those_of_every_field() -> None:
    assert {place[0] for place in PLACES} == set(Manifest.model_fields)


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_an_altered_field_is_seen_by_the_announced_digest(scene: Scene, victim: Signed, place: Path_) -> None:
    path = scene.base / victim.digest / MANIFEST
    manifest = json.loads(path.read_bytes())
    change(manifest, place)
    path.write_text(json.dumps(manifest, indent=2))
    assert scene.refuses(victim.announcement()) == "wrong-digest"


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_an_altered_field_is_seen_by_the_signature_where_the_digest_was_made_to_fit(
    scene: Scene, victim: Signed, place: Path_
) -> None:
    manifest = json.loads((scene.base / victim.digest / MANIFEST).read_bytes())
    change(manifest, place)
    assert scene.refuses(rewrite(scene, victim, json.dumps(manifest).encode())) == "bad-signature"


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_an_altered_field_signed_by_a_stranger_is_refused(
    scene: Scene, victim: Signed, case: Maker, tmp_path: Path, place: Path_
) -> None:
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    folder = case.resign(scene.base / victim.digest, lambda manifest: change(manifest, place), stranger)
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "untrusted-key"


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_field_that_was_taken_out_is_missed(scene: Scene, victim: Signed, place: Path_) -> None:
    manifest = json.loads((scene.base / victim.digest / MANIFEST).read_bytes())
    remove(manifest, place)
    assert scene.refuses(rewrite(scene, victim, json.dumps(manifest).encode())) == "bad-signature"


def test_a_field_too_many_is_refused_even_if_the_trainer_signed_it(scene: Scene, victim: Signed, case: Maker) -> None:
    folder = case.resign(scene.base / victim.digest, lambda manifest: manifest.update(more=1))
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "bad-manifest"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b"null", b"{" * 5000])
def test_what_is_no_manifest_is_refused(scene: Scene, victim: Signed, body: bytes) -> None:
    assert scene.refuses(rewrite(scene, victim, body)) == "bad-signature"


@pytest.mark.parametrize("name", ["../model.joblib", "/etc/passwd", "model.joblib/../card.md", "other.joblib"])
def test_a_manifest_cannot_name_another_file_even_if_the_trainer_signed_it(
    scene: Scene, victim: Signed, case: Maker, name: str
) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["files"][name] = manifest["files"].pop("model.joblib")

    folder = case.resign(scene.base / victim.digest, rename)
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "bad-manifest"


@pytest.mark.parametrize(("package", "other"), [("scikit_learn", "1.3.0"), ("joblib", "1.6.99")])
def test_other_versions_than_it_was_made_with_are_refused_by_name(
    scene: Scene, victim: Signed, case: Maker, package: str, other: str
) -> None:
    folder = case.resign(scene.base / victim.digest, lambda manifest: manifest["versions"].update({package: other}))
    version = victim.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})
    assert scene.refuses(version) == "other-versions"
    assert f"install {package.replace('_', '-')}=={other}" in (scene.answers[-1].detail or "")
