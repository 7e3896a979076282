"""Releases: written whole, verified before a byte is unpickled, and proved on their golden rows."""

import base64
import json
import os
import pickle
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pytest

from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.model_version import ModelVersion
from severity.artefact import Golden, load, verify
from severity.conformal import PredictionSets
from severity.keys import Signer, TrustedKeys, load_private, load_trusted, new_pair
from severity.manifest import (
    CARD,
    GOLDEN,
    MANIFEST,
    MODEL,
    SIGNATURE,
    ArtefactRefused,
    Draft,
    Manifest,
    Refusal,
    Versions,
    sha256,
)
from severity.model import SeverityModel
from severity.writing import WRITING, Signed, write
from tests.severity.small_model import small_model

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DRAFT = Draft(
    name="severity",
    release=7,
    created_at=NOW,
    expires_at=NOW + timedelta(days=30),
    window_from=NOW - timedelta(days=90),
    window_to=NOW,
    rows=200,
    information="report",
    levels="0" * 64,
    policy_version="policy-1",
    parent=None,
    marks={"reports/0": 200},
    metrics={"accuracy": 0.8},
    verdict="first release",
)


class Case(NamedTuple):
    """A model and what else a release is made of."""

    model: SeverityModel
    sets: PredictionSets
    golden: list[CrimeReport]
    signer: Signer
    keys: TrustedKeys


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    model, sets, reports = small_model()
    private, public = new_pair(tmp_path_factory.mktemp("keys"))
    return Case(model, sets, reports[-16:], load_private(private), load_trusted(public))


def release(case: Case, parent: Path, **changes: Any) -> Signed:
    draft = DRAFT.model_copy(update=changes)
    return write(parent, draft, case.model, case.sets, case.golden, "# Card", case.signer)


@pytest.fixture(scope="module")
def original(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return release(case, tmp_path_factory.mktemp("releases"))


@pytest.fixture
def folder(original: Signed, tmp_path: Path) -> Path:
    """A copy of the release that a test may spoil."""
    return Path(shutil.copytree(original.folder, tmp_path / original.digest))


def refusal(folder: Path | str, case: Case, **given: Any) -> ArtefactRefused:
    arguments = {"keys": case.keys, "minimum_release": 1, "now": NOW} | given
    with pytest.raises(ArtefactRefused) as caught:
        verify(folder, **arguments)
    return caught.value


def resign(folder: Path, case: Case, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the manifest as one could who has the trainer's key."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    body = json.dumps(manifest).encode()
    (folder / MANIFEST).write_bytes(body)
    signature = json.loads((folder / SIGNATURE).read_bytes())
    signature["signature"] = base64.b64encode(case.signer.sign(body)).decode()
    (folder / SIGNATURE).write_text(json.dumps(signature))
    return folder.rename(folder.parent / sha256(body))


def test_what_is_loaded_scores_as_what_was_written(case: Case, original: Signed) -> None:
    loaded = load(verify(original.folder, case.keys, minimum_release=7, digest=original.digest, now=NOW))
    assert np.array_equal(loaded.scorer.score(case.golden).raw, case.model.raw_scores(case.golden))
    probabilities = case.model.predict_proba(case.golden)
    assert np.array_equal(loaded.prediction_sets.plausible(probabilities), case.sets.plausible(probabilities))
    assert (loaded.ref.name, loaded.ref.release, loaded.ref.digest) == ("severity", 7, original.digest)
    assert [one.report_id for one in loaded.golden] == [one.report_id for one in case.golden]
    assert loaded.warnings == ()


def test_a_release_is_a_folder_named_by_its_manifests_digest(original: Signed) -> None:
    assert original.folder.name == original.digest == sha256((original.folder / MANIFEST).read_bytes())
    assert {path.name for path in original.folder.iterdir()} == {MODEL, GOLDEN, CARD, MANIFEST, SIGNATURE}
    manifest = Manifest.model_validate_json((original.folder / MANIFEST).read_bytes())
    assert manifest == original.manifest
    assert manifest.versions == Versions.installed()
    for name, fact in manifest.files.items():
        content = (original.folder / name).read_bytes()
        assert (fact.size, fact.sha256) == (len(content), sha256(content))


def test_an_announcement_leads_to_the_release(case: Case, original: Signed) -> None:
    version = original.announcement("champion")
    encoded = encode(version, source="trainer", time=NOW)
    version = decode(ModelVersion, *encoded)
    assert version.location.startswith("file://")
    verified = verify(version.location, case.keys, minimum_release=version.release, digest=version.digest, now=NOW)
    assert verified.manifest.release == version.release


@pytest.mark.parametrize("name", [MODEL, GOLDEN, CARD])
def test_a_changed_byte_in_any_file_is_seen(folder: Path, case: Case, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert refusal(folder, case).reason == Refusal.WRONG_CONTENT


@pytest.mark.parametrize("name", [MODEL, GOLDEN, CARD])
def test_a_file_that_grew_or_shrank_is_seen(folder: Path, case: Case, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b" ")
    assert refusal(folder, case).reason == Refusal.TOO_LARGE
    (folder / name).write_bytes(content[:-1])
    assert refusal(folder, case).reason == Refusal.WRONG_CONTENT


def test_a_changed_manifest_is_seen_by_its_digest_and_by_its_signature(folder: Path, case: Case) -> None:
    body = (folder / MANIFEST).read_bytes().replace(b'"release": 7', b'"release": 9')
    (folder / MANIFEST).write_bytes(body)
    assert refusal(folder, case).reason == Refusal.WRONG_DIGEST
    assert refusal(folder, case, digest=sha256(body)).reason == Refusal.BAD_SIGNATURE


def test_another_release_than_the_announced_one_is_seen(folder: Path, case: Case) -> None:
    assert refusal(folder, case, digest="0" * 64).reason == Refusal.WRONG_DIGEST


@pytest.mark.parametrize(
    "signature", [b"", b"{}", b'{"key_id": "KEY", "signature": "?"}', b'{"key_id": "KEY", "signature": ""}']
)
def test_what_is_no_signature_is_refused(folder: Path, case: Case, signature: bytes) -> None:
    (folder / SIGNATURE).write_bytes(signature.replace(b"KEY", case.signer.key_id.encode()))
    assert refusal(folder, case).reason == Refusal.BAD_SIGNATURE


def test_a_key_that_is_not_trusted_is_refused(folder: Path, case: Case, tmp_path: Path) -> None:
    stranger = load_trusted(new_pair(tmp_path / "other")[1])
    assert refusal(folder, case, keys=stranger).reason == Refusal.UNTRUSTED_KEY


def test_an_older_release_than_was_used_is_refused_and_the_same_one_is_not(folder: Path, case: Case) -> None:
    assert refusal(folder, case, minimum_release=8).reason == Refusal.OLD_RELEASE
    assert verify(folder, case.keys, minimum_release=7, now=NOW).manifest.release == 7


def test_a_file_too_many_or_too_few_is_refused(folder: Path, case: Case) -> None:
    (folder / "notes.txt").write_text("hello")
    assert refusal(folder, case).reason == Refusal.UNEXPECTED_FILE
    (folder / "notes.txt").unlink()
    (folder / CARD).unlink()
    assert refusal(folder, case).reason == Refusal.MISSING_FILE


@pytest.mark.parametrize("name", ["../model.joblib", "/etc/passwd", "model.joblib/../card.md", "other.joblib"])
def test_a_signed_manifest_cannot_name_another_file(folder: Path, case: Case, name: str) -> None:
    def rename(manifest: dict[str, Any]) -> None:
        manifest["files"][name] = manifest["files"].pop(MODEL)

    assert refusal(resign(folder, case, rename), case).reason == Refusal.BAD_MANIFEST


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_file_that_would_never_end_is_not_opened(folder: Path, case: Case) -> None:
    (folder / MODEL).unlink()
    os.mkfifo(folder / MODEL)
    assert refusal(folder, case).reason == Refusal.UNEXPECTED_FILE


@pytest.mark.parametrize(("package", "other"), [("scikit_learn", "1.3.0"), ("joblib", "1.6.99")])
def test_other_versions_than_it_was_made_with_are_refused_by_name(
    folder: Path, case: Case, package: str, other: str
) -> None:
    refused = refusal(resign(folder, case, lambda manifest: manifest["versions"].update({package: other})), case)
    assert refused.reason == Refusal.OTHER_VERSIONS
    assert f"install {package.replace('_', '-')}=={other}" in refused.detail


def test_a_joblib_before_1_6_is_refused() -> None:
    with pytest.raises(ArtefactRefused, match="too old"):
        Versions.installed().require(Versions.installed().model_copy(update={"joblib": "1.1.0"}))


def test_an_expired_release_and_another_numpy_only_warn(folder: Path, case: Case) -> None:
    folder = resign(folder, case, lambda manifest: manifest["versions"].update({"numpy": "2.0.0"}))
    verified = verify(folder, case.keys, minimum_release=1, now=NOW + timedelta(days=31))
    assert len(verified.warnings) == 2
    assert "expired" in verified.warnings[0]
    assert "numpy 2.0.0" in verified.warnings[1]


@pytest.mark.parametrize("location", ["https://example.org/x", "s3://bucket/x", "file://elsewhere/x"])
def test_a_location_elsewhere_is_refused(case: Case, location: str) -> None:
    assert refusal(location, case).reason == Refusal.LOCATION


def test_a_location_that_is_not_there_is_unreachable(case: Case, tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent", case).reason == Refusal.UNREACHABLE


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "ran")


def planted(path: Path) -> bytes:
    content = BytesIO()
    joblib.dump(Payload(path), content)
    return content.getvalue()


def test_a_pickles_payload_never_runs_when_the_digest_is_wrong(folder: Path, case: Case, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    (folder / MODEL).write_bytes(planted(proof))
    assert refusal(folder, case).reason in {Refusal.WRONG_CONTENT, Refusal.TOO_LARGE}
    assert not proof.exists()
    joblib.load(folder / MODEL)
    assert proof.exists(), "the payload works: only the check kept it from running"


def test_what_changes_on_disk_after_the_check_is_not_what_is_loaded(folder: Path, case: Case, tmp_path: Path) -> None:
    verified = verify(folder, case.keys, minimum_release=1, now=NOW)
    (folder / MODEL).write_bytes(planted(tmp_path / "proof"))
    load(verified)
    assert not (tmp_path / "proof").exists()


def replace(folder: Path, case: Case, name: str, content: bytes) -> Path:
    """Put another file under the trainer's own signature."""
    (folder / name).write_bytes(content)
    fact = {"size": len(content), "sha256": sha256(content)}
    return resign(folder, case, lambda manifest: manifest["files"].update({name: fact}))


def load_refusal(folder: Path, case: Case) -> Refusal:
    verified = verify(folder, case.keys, minimum_release=1, now=NOW)
    with pytest.raises(ArtefactRefused) as caught:
        load(verified)
    return caught.value.reason


def test_a_model_that_scores_golden_rows_otherwise_than_when_it_was_written_is_refused(
    folder: Path, case: Case
) -> None:
    golden = Golden.model_validate_json((folder / GOLDEN).read_bytes())
    raw = ((golden.raw[0][0] + 1e-8, *golden.raw[0][1:]), *golden.raw[1:])
    other = golden.model_copy(update={"raw": raw}).model_dump_json().encode()
    assert load_refusal(replace(folder, case, GOLDEN, other), case) == Refusal.GOLDEN_ROWS


def test_a_compiled_forest_that_is_not_scikit_learns_is_refused(
    folder: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = verify(folder, case.keys, minimum_release=1, now=NOW)
    monkeypatch.setattr(
        "sklearn.ensemble.HistGradientBoostingClassifier._raw_predict", lambda self, X: np.zeros((len(X), 5))
    )
    with pytest.raises(ArtefactRefused) as caught:
        load(verified)
    assert caught.value.reason == Refusal.GOLDEN_ROWS


@pytest.mark.parametrize("thing", [{"not": "a model"}, ("neither", "is"), None])
def test_a_signed_pickle_of_something_else_is_refused(folder: Path, case: Case, thing: object) -> None:
    content = BytesIO()
    joblib.dump(thing, content)
    assert load_refusal(replace(folder, case, MODEL, content.getvalue()), case) == Refusal.NOT_A_MODEL


def test_a_signed_file_that_is_no_pickle_is_refused(folder: Path, case: Case) -> None:
    assert load_refusal(replace(folder, case, MODEL, b"garbage"), case) == Refusal.NOT_A_MODEL


def test_a_release_is_never_half_there(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def full_disk(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:
            raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        release(case, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [WRITING]
    monkeypatch.undo()
    signed = release(case, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {WRITING, signed.digest}
    assert not list((tmp_path / WRITING).iterdir())
    load(verify(signed.folder, case.keys, minimum_release=1, now=NOW))


def test_a_refusal_survives_the_way_from_another_process() -> None:
    refused = pickle.loads(pickle.dumps(ArtefactRefused(Refusal.OLD_RELEASE, "release 3")))
    assert (refused.reason, refused.detail, str(refused)) == (
        Refusal.OLD_RELEASE,
        "release 3",
        "old-release: release 3",
    )
