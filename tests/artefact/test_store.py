"""A folder, an S3 server and obstore's memory promise the same: whole or not there, bounded, gone when removed."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from severity.artefact.bucket_store import Bucket
from severity.artefact.folder_store import WRITING, Folder
from severity.artefact.manifest import LIMITS, MANIFEST, ArtefactRefused
from severity.artefact.reading import load, verify
from severity.artefact.store import MOST_FILES, Store, location, open_store
from tests.artefact.releases import NOW, Maker
from tests.artefact.s3 import s3

DIGEST = "d" * 64
CONTENTS = {MANIFEST: b"{}", "model.joblib": b"model", "card.md": b"# Card"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 server's URL for us; its keys are in the environment."""
    with s3() as url:
        yield url


@pytest.fixture(params=["folder", "s3", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    match request.param:
        case "folder":
            return open_store(tmp_path / "releases")
        case "s3":
            return open_store(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")
        case _:
            return Bucket(MemoryStore(), "memory://releases")


def reason(call: Any, *arguments: Any) -> str:
    with pytest.raises(ArtefactRefused) as refused:
        call(*arguments)
    return refused.value.reason.value


def test_what_was_written_is_there_whole(store: Store) -> None:
    assert store.digests() == []
    store.write(DIGEST, CONTENTS)
    store.write(DIGEST, CONTENTS)
    assert store.digests() == [DIGEST]
    assert store.files(DIGEST) == CONTENTS.keys()
    assert {name: store.read(DIGEST, name, 100) for name in CONTENTS} == CONTENTS
    assert location(store, DIGEST) == f"{store.url}/{DIGEST}"


def test_a_file_of_more_bytes_than_allowed_is_refused_and_of_as_many_is_not(store: Store) -> None:
    store.write(DIGEST, CONTENTS)
    assert store.read(DIGEST, "model.joblib", 5) == b"model"
    assert reason(store.read, DIGEST, "model.joblib", 4) == "too-large"


def test_what_is_not_there_is_unreachable(store: Store) -> None:
    assert reason(store.files, DIGEST) == "unreachable"
    assert reason(store.read, DIGEST, MANIFEST, 10) == "unreachable"
    store.write(DIGEST, CONTENTS)
    assert reason(store.read, DIGEST, "other", 10) == "unreachable"


def test_a_removed_release_is_gone_and_the_others_stay(store: Store) -> None:
    store.write(DIGEST, CONTENTS)
    store.write("e" * 64, CONTENTS)
    store.remove(DIGEST)
    store.remove(DIGEST)
    assert store.digests() == ["e" * 64]
    assert reason(store.files, DIGEST) == "unreachable"


def test_a_flood_of_files_is_not_listed_to_its_end(store: Store) -> None:
    store.write(DIGEST, {f"{number:04}": b"" for number in range(3 * MOST_FILES)})
    assert len(store.files(DIGEST)) == MOST_FILES


def test_what_a_writer_that_died_left_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    memory = MemoryStore()
    memory.put(f"{DIGEST}/model.joblib", b"half")
    memory.put("notes/mine.txt", b"not ours")
    left = tmp_path / WRITING / DIGEST
    left.mkdir(parents=True)
    (left / "model.joblib").write_bytes(b"half")
    for store in (Bucket(memory, "memory://x"), Folder(tmp_path)):
        store.write("e" * 64, CONTENTS)
        store.sweep(now - timedelta(days=1))
    assert len(memory.list().collect()) == 2 + len(CONTENTS), "it may still be at work"
    assert left.exists()
    for store in (Bucket(memory, "memory://x"), Folder(tmp_path)):
        store.sweep(now + timedelta(days=1))
        assert store.files("e" * 64) == CONTENTS.keys()
    assert len(memory.list().collect()) == 1 + len(CONTENTS)
    assert not left.exists()


class Dying:
    """A store whose writer dies after so many files."""

    def __init__(self, store: MemoryStore, files: int) -> None:
        self._store = store
        self._left = files

    def put(self, path: str, content: bytes) -> None:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        self._store.put(path, content)


@pytest.mark.parametrize("files", range(len(CONTENTS)))
def test_a_release_in_a_bucket_is_not_visible_before_its_last_file(files: int) -> None:
    memory = MemoryStore()
    dying: Any = Dying(memory, files)
    with pytest.raises(KeyboardInterrupt):
        Bucket(dying, "memory://releases").write(DIGEST, CONTENTS)
    store = Bucket(memory, "memory://releases")
    assert store.digests() == []
    store.write(DIGEST, CONTENTS)
    assert store.digests() == [DIGEST]


class Liar:
    """A store that says a file is small and then does not stop."""

    def get(self, path: str) -> "Liar":
        return self

    meta = {"size": 10}  # noqa: RUF012  # a stand-in's constant

    def stream(self, min_chunk_size: int) -> Iterator[bytes]:
        self.sent = 0
        while True:
            self.sent += 1
            yield b"x" * 1000


def test_a_bucket_that_lies_about_a_size_is_not_read_for_ever() -> None:
    liar: Any = Liar()
    assert reason(Bucket(liar, "s3://liar").read, DIGEST, MANIFEST, 5000) == "too-large"
    assert liar.sent == 6


def test_a_release_goes_to_s3_and_comes_back_verified(case: Maker, bucket: str) -> None:
    base = f"{bucket}/way"
    signed = case.release(base)
    assert signed.location == f"{base}/{signed.digest}"
    assert open_store(base).files(signed.digest) == LIMITS.keys()
    loaded = load(verify(signed.location, case.keys, minimum_release=7, now=NOW))
    assert (loaded.scorer.score(case.golden).raw == case.model.raw_scores(case.golden)).all()


def test_a_store_that_does_not_answer_is_unreachable_and_tells_no_key(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ArtefactRefused) as refused:
        open_store(f"{bucket}/x").files(DIGEST)
    assert refused.value.reason == "unreachable"
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(refused.value)


def test_a_store_without_rights_is_unreachable(bucket: str) -> None:
    assert reason(open_store("s3://no-such-bucket/x").read, DIGEST, MANIFEST, 10) == "unreachable"
    assert reason(open_store("s3://no-such-bucket/x").digests) == "unreachable"


def test_a_folder_that_is_not_there_yet_holds_no_releases(tmp_path: Path) -> None:
    assert Folder(tmp_path / "nowhere").digests() == []
