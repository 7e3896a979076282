"""Whatever place is announced, only the scorer's own store is read, and there only a release's own folder."""

import pytest

from severity.artefact import store
from severity.artefact.writing import Signed
from tests.artefact.releases import Maker
from tests.artefact.scene import Scene

ODD = [
    "file:///etc/passwd",
    "/etc/passwd",
    "{digest}",
    "{base}",
    "{base}/",
    "{base}/{digest}/",
    "{base}//{digest}",
    "{base}/./{digest}",
    "{base}/x/../{digest}",
    "{base}/../releases/{digest}",
    "{base}/%2e%2e/releases/{digest}",
    "{base}/{digest}/../../elsewhere/{digest}",
    "{base}/{digest}\x00",
    "{base}/{digest}?version=1",
    "{base}/{digest}#x",
    "{base}-elsewhere/{digest}",
    "file://elsewhere{path}/{digest}",
    "FILE://{path}/{digest}",
    "http://169.254.169.254/latest/meta-data/{digest}",
    "https://example.org/{digest}",
    "s3://bucket/{digest}",
    "s3://key:secret@bucket/{digest}",
    "\\\\server\\share\\{digest}",
    "ftp://example.org/{digest}",
    "{base}/{upper}",
]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_place_is_refused_and_not_read(
    scene: Scene, victim: Signed, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = victim.location.rpartition("/")[0]
    place = odd.format(base=base, path=base.removeprefix("file://"), digest=victim.digest, upper=victim.digest.upper())
    monkeypatch.setattr("stream.child.verify", None)  # which alone reads
    assert scene.refuses(victim.announcement().model_copy(update={"location": place})) == "bad-location"


def test_a_linked_folder_is_refused_even_to_a_good_release(scene: Scene, victim: Signed) -> None:
    folder = scene.base / victim.digest
    elsewhere = folder.rename(scene.base.parent / "elsewhere")
    try:
        folder.symlink_to(elsewhere, target_is_directory=True)
    except OSError as error:
        pytest.skip(f"this system lets us make no links: {error}")
    assert scene.refuses(victim.announcement()) == "bad-location"


def test_a_release_that_is_not_there_is_unreachable_and_taken_when_it_is(scene: Scene, victim: Signed) -> None:
    folder = scene.base / victim.digest
    away = folder.rename(scene.base.parent / "away")
    assert scene.refuses(victim.announcement()) == "unreachable"
    away.rename(folder)
    assert scene.announce(victim.announcement()).result == "loaded"


@pytest.mark.parametrize(
    "base", ["http://example.org/x", "s3://", "s3://user:secret@bucket/x", "s3://bucket/x?key=secret", "file://host/x"]
)
def test_a_store_that_is_none_is_refused_without_telling_a_secret(base: str) -> None:
    with pytest.raises(store.ArtefactRefused) as refused:
        store.open_store(base)
    assert refused.value.reason == "bad-location"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["..", "model.joblib", "", "a" * 63, "A" * 64, "../" + "a" * 64 + "/.."])
def test_what_is_no_digest_is_no_release(case: Maker, name: str) -> None:
    with pytest.raises(store.ArtefactRefused) as refused:
        store.split(f"{case.base.as_uri()}/{name}")
    assert refused.value.reason == "bad-location"
