"""What a fresh scorer believes of the others' answers: only what the trainer signed."""

from pathlib import Path

import pytest

from schemas import topics
from schemas.envelope import encode
from schemas.model_status import ModelStatus
from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.store import open_store
from severity.artefact.writing import Signed
from stream.acknowledged import acknowledged
from stream.high_water import Mark
from tests.artefact.releases import NOW, Maker
from transport.records import Record


def answer(release: int, digest: str, result: str = "loaded", name: str = "severity", instance: str = "a") -> Record:
    status = ModelStatus.model_validate(
        {"instance": f"{instance}-{release}", "name": name, "release": release, "digest": digest, "result": result,
         "at": NOW}
    )  # fmt: skip
    key, value, headers = encode(status, source="scorer", time=NOW)
    return Record(topics.MODEL_STATUS, 0, 0, key, value, tuple(headers), 0)


def said(signed: Signed, **changes: object) -> Record:
    return answer(signed.manifest.release, signed.digest, **changes)  # type: ignore[arg-type]  # a test's own names


def ask(case: Maker, base: Path, *answers: Record) -> Mark:
    return acknowledged(answers, open_store(base), case.keys, "severity")


def test_the_highest_release_that_others_loaded_is_the_minimum(case: Maker, tmp_path: Path) -> None:
    old, new = case.release(tmp_path, release=4), case.release(tmp_path, release=5)
    assert ask(case, tmp_path, said(new), said(old)) == Mark(5, new.digest, new.location)
    assert ask(case, tmp_path) == Mark()


def test_a_refusal_another_model_and_what_is_no_answer_say_nothing(case: Maker, tmp_path: Path) -> None:
    signed = case.release(tmp_path, release=4)
    garbage = Record(topics.MODEL_STATUS, 0, 0, b"x", b"{", (), 0)
    assert ask(case, tmp_path, said(signed, result="refused"), said(signed, name="other"), garbage) == Mark()


def test_a_forged_answer_is_not_believed(case: Maker, tmp_path: Path) -> None:
    good = case.release(tmp_path, release=4)
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    forged = case.release(tmp_path, release=90, signer=stranger)
    challenger = case.release(tmp_path, release=80, role="challenger")
    flood = [answer(2**31 - 1 - n, f"{n:064x}", instance=f"f{n}") for n in range(500)]
    raised = answer(70, good.digest)
    assert ask(case, tmp_path, *flood, said(forged), said(challenger), raised, said(good)).release == 4


def test_a_store_that_cannot_be_read_is_no_answer(case: Maker, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactRefused):
        ask(case, tmp_path / "file", answer(1, "0" * 64))
