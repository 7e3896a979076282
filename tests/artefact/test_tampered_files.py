"""Files of a release changed, cut, swapped, too many, too large, or no files at all."""

import os
from pathlib import Path
from typing import Any

import pytest

from severity.artefact.manifest import LIMITS, MANIFEST, MODEL, SIGNATURE
from severity.artefact.writing import Signed
from tests.artefact.releases import Maker
from tests.artefact.scene import Scene

EVERY = sorted(LIMITS)


def seen_as(name: str, otherwise: str) -> set[str]:
    """How a changed file is refused: manifest and signature prove themselves, the others are proved by the manifest."""
    return {MANIFEST: {"wrong-digest"}, SIGNATURE: {"bad-signature", "untrusted-key"}}.get(name, {otherwise})


@pytest.mark.parametrize("name", EVERY)
def test_one_changed_bit_is_seen(scene: Scene, victim: Signed, name: str) -> None:
    path = scene.base / victim.digest / name
    for place in (0.0, 0.5, 0.999):
        content = path.read_bytes()
        spoiled = bytearray(content)
        spoiled[int(len(content) * place)] ^= 1
        path.write_bytes(spoiled)
        assert scene.refuses(victim.announcement()) in seen_as(name, "wrong-content")
        path.write_bytes(content)
    assert scene.announce(victim.announcement()).result == "loaded", "it was nothing else that kept it out"


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_seen(scene: Scene, victim: Signed, name: str, part: float) -> None:
    path = scene.base / victim.digest / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert scene.refuses(victim.announcement()) in seen_as(name, "wrong-content")


@pytest.mark.parametrize("name", EVERY)
def test_a_file_that_grew_is_seen(scene: Scene, victim: Signed, name: str) -> None:
    path = scene.base / victim.digest / name
    path.write_bytes(path.read_bytes() + b"}")
    assert scene.refuses(victim.announcement()) in seen_as(name, "too-large")


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_file_is_named(scene: Scene, victim: Signed, name: str) -> None:
    (scene.base / victim.digest / name).unlink()
    assert scene.refuses(victim.announcement()) == "missing-file"
    assert name in (scene.answers[-1].detail or "")


@pytest.mark.parametrize("name", ["notes.txt", "model.joblib.bak", ".hidden", "__init__.py", "sub/model.joblib"])
def test_a_file_too_many_is_refused(scene: Scene, victim: Signed, name: str) -> None:
    more = scene.base / victim.digest / name
    more.parent.mkdir(exist_ok=True)
    more.write_text("hello")
    assert scene.refuses(victim.announcement()) == "unexpected-file"


def test_a_folder_with_a_flood_of_files_is_refused_without_listing_them_all(scene: Scene, victim: Signed) -> None:
    for number in range(300):
        (scene.base / victim.digest / f"{number}").touch()
    assert scene.refuses(victim.announcement()) in {"unexpected-file", "missing-file"}


@pytest.mark.parametrize("name", EVERY)
def test_another_releases_file_is_seen(scene: Scene, victim: Signed, case: Maker, name: str) -> None:
    other = case.release(scene.base, release=8, metrics={"accuracy": 0.9})
    content = (scene.base / other.digest / name).read_bytes()
    if content == (scene.base / victim.digest / name).read_bytes():  # both carry the same model
        content += b" "
    (scene.base / victim.digest / name).write_bytes(content)
    assert scene.refuses(victim.announcement()) in seen_as(name, "wrong-content") | {"too-large"}


@pytest.mark.parametrize("name", EVERY)
def test_a_file_beyond_its_limit_is_refused_by_its_size_alone(
    scene: Scene, victim: Signed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene.base / victim.digest / name
    with path.open("r+b") as file:
        file.truncate(LIMITS[name] + 1)  # of which the disk holds next to nothing
    opened = os.fdopen

    def watched(descriptor: int, *more: Any, **options: Any) -> object:
        assert os.fstat(descriptor).st_size <= LIMITS[name], "nothing may be read of it"
        return opened(descriptor, *more, **options)

    monkeypatch.setattr(os, "fdopen", watched)
    assert scene.refuses(victim.announcement()) == "too-large"


def test_a_signed_size_does_not_lift_the_limit(
    scene: Scene, victim: Signed, case: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (scene.base / victim.digest / MODEL).stat().st_size
    monkeypatch.setitem(LIMITS, MODEL, size - 1)
    assert scene.refuses(victim.announcement()) == "too-large"


@pytest.mark.parametrize("name", EVERY)
def test_a_link_is_not_followed_even_to_the_right_bytes(
    scene: Scene, victim: Signed, tmp_path: Path, name: str
) -> None:
    path = scene.base / victim.digest / name
    right = path.rename(tmp_path / name)
    try:
        path.symlink_to(right)
    except OSError as error:
        pytest.skip(f"this system lets us make no links: {error}")
    assert scene.refuses(victim.announcement()) == "unexpected-file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
@pytest.mark.parametrize("name", EVERY)
def test_a_pipe_that_would_never_end_is_not_waited_for(scene: Scene, victim: Signed, name: str) -> None:
    path = scene.base / victim.digest / name
    path.unlink()
    os.mkfifo(path)
    assert scene.refuses(victim.announcement()) == "unexpected-file"


@pytest.mark.parametrize("name", EVERY)
def test_a_folder_in_the_place_of_a_file_is_refused(scene: Scene, victim: Signed, name: str) -> None:
    path = scene.base / victim.digest / name
    path.unlink()
    path.mkdir()
    assert scene.refuses(victim.announcement()) in {"unexpected-file", "unreachable"}
