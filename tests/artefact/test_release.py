"""Releases: what is written is what is read, and it proves itself on its golden rows."""

import json
import os
import pickle
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import pytest

from schemas.envelope import decode, encode
from schemas.model_version import ModelVersion
from severity.artefact.folder_store import WRITING
from severity.artefact.manifest import (
    CARD,
    CARD_JSON,
    GOLDEN,
    LIMITS,
    MANIFEST,
    ArtefactRefused,
    Decision,
    Manifest,
    Refusal,
    Versions,
    sha256,
)
from severity.artefact.reading import Golden, load, verify
from severity.artefact.writing import Signed, reissue
from tests.artefact.releases import DRAFT, NOW, Maker, planted


def test_what_is_loaded_scores_as_what_was_written(case: Maker, original: Signed) -> None:
    loaded = load(verify(original.location, case.keys, minimum_release=7, digest=original.digest, now=NOW))
    assert np.array_equal(loaded.scorer.score(case.golden).raw, case.model.raw_scores(case.golden))
    probabilities = case.model.predict_proba(case.golden)
    assert np.array_equal(loaded.prediction_sets.plausible(probabilities), case.sets.plausible(probabilities))
    assert (loaded.ref.name, loaded.ref.release, loaded.ref.digest) == ("severity", 7, original.digest)
    assert loaded.warnings == ()


def test_golden_rows_do_not_tell_whose_they_are(case: Maker, original: Signed) -> None:
    golden = Golden.model_validate_json((case.base / original.digest / GOLDEN).read_bytes())
    assert [report.report_id for report in golden.reports] == [f"golden-{n}" for n in range(1, 17)]


def test_a_release_is_a_folder_named_by_its_manifests_digest(case: Maker, original: Signed) -> None:
    folder = case.base / original.digest
    assert original.location == folder.as_uri()
    assert original.digest == sha256((folder / MANIFEST).read_bytes())
    assert {path.name for path in folder.iterdir()} == LIMITS.keys()
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    assert manifest == original.manifest
    assert manifest.versions == Versions.installed()
    for name, fact in manifest.files.items():
        content = (folder / name).read_bytes()
        assert (fact.size, fact.sha256) == (len(content), sha256(content))


def test_an_announcement_leads_to_the_release(case: Maker, original: Signed) -> None:
    version = decode(ModelVersion, *encode(original.announcement(), source="trainer", time=NOW))
    assert (version.role, version.location.startswith("file://")) == ("champion", True)
    verified = verify(version.location, case.keys, minimum_release=version.release, digest=version.digest, now=NOW)
    assert verified.manifest.release == version.release


def test_the_card_tells_in_words_and_as_json_what_the_manifest_says(case: Maker, original: Signed) -> None:
    folder = case.base / original.digest
    words = (folder / CARD).read_text()
    for said in ("release 7", "200 labelled reports", "solved 150", "drill 1", "first release", "| macro_f1 | 0.7 |"):
        assert said in words
    data = json.loads((folder / CARD_JSON).read_text())
    assert data["facts"] == json.loads(DRAFT.model_dump_json())
    assert data["not_for"]
    assert all(line in words for line in data["not_for"])


def test_a_verdict_cannot_break_the_cards_table(case: Maker, tmp_path: Path) -> None:
    signed = case.release(tmp_path, verdict="refused | see\n# Another heading")
    assert "refused \\| see # Another heading" in (tmp_path / signed.digest / CARD).read_text()


def test_a_reissued_release_carries_the_same_model_under_a_new_number(case: Maker, original: Signed) -> None:
    old = verify(original.location, case.keys, minimum_release=1, now=NOW)
    decision = Decision(kind="rollback", by="ann", reason="too many fives", at=NOW, restores=original.digest)
    draft = DRAFT.model_copy(update={"release": 9, "decision": decision})
    signed = reissue(case.base, old, draft, case.signer)
    new = verify(signed.location, case.keys, minimum_release=9, now=NOW)
    assert new.digest != old.digest
    assert new.manifest.files["model.joblib"] == old.manifest.files["model.joblib"]
    assert new.manifest.versions == old.manifest.versions
    assert load(new).ref.release == 9
    assert "Put back by ann" in (case.base / signed.digest / CARD).read_text()


def test_a_joblib_before_1_6_is_refused() -> None:
    with pytest.raises(ArtefactRefused, match="too old"):
        Versions.installed().require(Versions.installed().model_copy(update={"joblib": "1.1.0"}))


def test_an_expired_release_and_another_numpy_only_warn(case: Maker, original: Signed, tmp_path: Path) -> None:
    folder = case.resign(case.copy(original, tmp_path), lambda manifest: manifest["versions"].update(numpy="2.0.0"))
    verified = verify(folder, case.keys, minimum_release=1, now=NOW + timedelta(days=31))
    assert len(verified.warnings) == 2
    assert "expired" in verified.warnings[0]
    assert "numpy 2.0.0" in verified.warnings[1]


def test_what_changes_on_disk_after_the_check_is_not_what_is_loaded(
    case: Maker, original: Signed, tmp_path: Path
) -> None:
    folder = case.copy(original, tmp_path)
    verified = verify(folder, case.keys, minimum_release=1, now=NOW)
    (folder / "model.joblib").write_bytes(planted(tmp_path / "proof"))
    load(verified)
    assert not (tmp_path / "proof").exists()
    joblib.load(folder / "model.joblib")
    assert (tmp_path / "proof").exists(), "the payload works: only the check kept it from running"


def load_refusal(folder: Path, case: Maker) -> Refusal:
    verified = verify(folder, case.keys, minimum_release=1, now=NOW)
    with pytest.raises(ArtefactRefused) as caught:
        load(verified)
    return caught.value.reason


def test_a_model_that_scores_golden_rows_otherwise_than_when_it_was_written_is_refused(
    case: Maker, original: Signed, tmp_path: Path
) -> None:
    folder = case.copy(original, tmp_path)
    golden = Golden.model_validate_json((folder / GOLDEN).read_bytes())
    raw = ((golden.raw[0][0] + 1e-8, *golden.raw[0][1:]), *golden.raw[1:])
    other = golden.model_copy(update={"raw": raw}).model_dump_json().encode()
    assert load_refusal(case.replace(folder, GOLDEN, other), case) == Refusal.GOLDEN_ROWS


def test_a_compiled_forest_that_is_not_scikit_learns_is_refused(
    case: Maker, original: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = verify(original.location, case.keys, minimum_release=1, now=NOW)
    monkeypatch.setattr(
        "sklearn.ensemble.HistGradientBoostingClassifier._raw_predict", lambda self, X: np.zeros((len(X), 5))
    )
    with pytest.raises(ArtefactRefused) as caught:
        load(verified)
    assert caught.value.reason == Refusal.GOLDEN_ROWS


@pytest.mark.parametrize("thing", [{"not": "a model"}, ("neither", "is"), None])
def test_a_signed_pickle_of_something_else_is_refused(
    case: Maker, original: Signed, tmp_path: Path, thing: object
) -> None:
    content = BytesIO()
    joblib.dump(thing, content)
    folder = case.replace(case.copy(original, tmp_path), "model.joblib", content.getvalue())
    assert load_refusal(folder, case) == Refusal.NOT_A_MODEL


def test_a_signed_file_that_is_no_pickle_is_refused(case: Maker, original: Signed, tmp_path: Path) -> None:
    folder = case.replace(case.copy(original, tmp_path), "model.joblib", b"garbage")
    assert load_refusal(folder, case) == Refusal.NOT_A_MODEL


def test_a_release_is_never_half_there(case: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def full_disk(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:
            raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        case.release(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [WRITING]
    monkeypatch.undo()
    signed = case.release(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {WRITING, signed.digest}
    assert not list((tmp_path / WRITING).iterdir())
    load(verify(signed.location, case.keys, minimum_release=1, now=NOW))


def test_a_refusal_survives_the_way_from_another_process() -> None:
    refused = pickle.loads(pickle.dumps(ArtefactRefused(Refusal.OLD_RELEASE, "release 3")))
    assert (refused.reason, refused.detail, str(refused)) == (
        Refusal.OLD_RELEASE,
        "release 3",
        "old-release: release 3",
    )
