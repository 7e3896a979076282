"""Real releases through the real child process."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from severity.scorer import Scorer
from stream.errors import ReleaseRefused
from stream.helper import Helper, HelperFailure
from stream.loader import REST_SECONDS, ChildLoader, Refused, rehearse
from tests.stream.releases import Trainer
from tests.stream.standin import NOW


def load(trainer: Trainer, folder: Path, digest: str, *, keys: Path | None = None, minimum: int = 1) -> object:
    return ChildLoader(folder.parent, keys or trainer.trusted, 120.0).load(folder.as_uri(), digest, minimum)


def refusal(trainer: Trainer, folder: Path, digest: str, *, keys: Path | None = None, minimum: int = 1) -> str:
    with pytest.raises(ReleaseRefused) as refused:
        load(trainer, folder, digest, keys=keys, minimum=minimum)
    return refused.value.reason


def test_what_is_handed_over_scores_as_the_trainers_model_does(trainer: Trainer) -> None:
    signed = trainer.release(1)
    handover = ChildLoader(trainer.artefacts, trainer.trusted, 120.0).load(signed.location, signed.digest, 1)
    scorer = handover.release.scorer
    assert isinstance(scorer, Scorer)
    assert (scorer.score(trainer.reports).raw == trainer.model.raw_scores(trainer.reports)).all()
    assert handover.release.ref.model_dump() == {"name": "severity", "release": 1, "digest": signed.digest}
    assert (handover.created_at, len(handover.golden)) == (NOW, 20)


def test_a_release_with_one_changed_byte_is_refused_before_it_is_unpickled(trainer: Trainer, tmp_path: Path) -> None:
    signed = trainer.release(2)
    folder = shutil.copytree(trainer.artefacts / signed.digest, tmp_path / signed.digest)
    body = bytearray((folder / "model.joblib").read_bytes())
    body[len(body) // 2] ^= 1
    (folder / "model.joblib").write_bytes(body)
    assert refusal(trainer, folder, signed.digest) == "wrong-content"


def test_a_pickle_that_nobody_signed_never_runs(trainer: Trainer, tmp_path: Path) -> None:
    signed = trainer.release(3)
    folder = shutil.copytree(trainer.artefacts / signed.digest, tmp_path / signed.digest)
    ran = tmp_path / "ran"
    payload = f"cbuiltins\nexec\n(Vopen({str(ran)!r}, 'w')\ntR.".encode()
    (folder / "model.joblib").write_bytes(payload)
    assert refusal(trainer, folder, signed.digest) == "wrong-content"
    assert not ran.exists()


@pytest.mark.parametrize("name", ["manifest.sig", "golden.json"])
def test_a_release_without_one_of_its_files_is_refused(trainer: Trainer, tmp_path: Path, name: str) -> None:
    signed = trainer.release(4)
    folder = shutil.copytree(trainer.artefacts / signed.digest, tmp_path / signed.digest)
    (folder / name).unlink()
    assert refusal(trainer, folder, signed.digest) == "missing-file"


def test_a_release_signed_by_a_stranger_is_refused(trainer: Trainer) -> None:
    signed = trainer.release(5, key="stranger")
    assert refusal(trainer, trainer.artefacts / signed.digest, signed.digest) == "untrusted-key"


def test_an_older_release_than_was_used_is_refused(trainer: Trainer) -> None:
    signed = trainer.release(6)
    assert refusal(trainer, trainer.artefacts / signed.digest, signed.digest, minimum=7) == "old-release"


def test_a_place_or_a_key_that_is_not_there_is_named(trainer: Trainer, tmp_path: Path) -> None:
    signed = trainer.release(7)
    assert refusal(trainer, tmp_path / signed.digest, signed.digest) == "unreachable"
    assert refusal(trainer, trainer.artefacts / signed.digest, signed.digest, keys=tmp_path) == "no-trusted-keys"


def test_a_load_that_takes_too_long_is_given_up(trainer: Trainer) -> None:
    signed = trainer.release(8)
    with pytest.raises(ReleaseRefused) as refused:
        ChildLoader(trainer.artefacts, trainer.trusted, 0.01).load(signed.location, signed.digest, 1)
    assert refused.value.reason == HelperFailure.TIMED_OUT


def test_a_loader_that_dies_is_a_refusal_with_its_last_words(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "false")
    with pytest.raises(ReleaseRefused) as refused:
        ChildLoader(trainer.artefacts, trainer.trusted, 120.0).load("file:///x", "0" * 64, 1)
    assert refused.value.reason == HelperFailure.CRASHED


def test_the_scorers_own_process_never_imports_what_only_fitting_needs() -> None:
    program = "import sys, stream.worker; print(*sorted({'sklearn', 'joblib', 'pandas'} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


def test_the_rehearsal_scores_what_it_brings_along() -> None:
    made = rehearse(120.0)
    assert made.release.ref.name == "rehearsal"
    assert made.release.scorer.score(made.golden).probabilities.shape == (5, 5)


def test_a_release_that_lies_elsewhere_than_in_our_own_store_is_not_even_looked_at(
    trainer: Trainer, tmp_path: Path
) -> None:
    signed = trainer.release(9)
    with pytest.raises(ReleaseRefused) as refused:
        ChildLoader(tmp_path, trainer.trusted, 120.0).load(signed.location, signed.digest, 1)
    assert refused.value.reason == "bad-location"


def test_a_challenger_is_not_loaded_whoever_announces_it_as_champion(trainer: Trainer) -> None:
    signed = trainer.release(10, role="challenger")
    assert refusal(trainer, trainer.artefacts / signed.digest, signed.digest) == "not-a-champion"


def test_a_load_is_done_by_the_process_that_waited_for_it_and_the_next_one_by_another(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.loader.REST_SECONDS", 0.0)
    signed = trainer.release(11)
    loader = ChildLoader(trainer.artefacts, trainer.trusted, 120.0)
    waited = []
    for _ in range(2):
        loader.prepare()
        waited.append(loader._helper._process)
        loader.prepare()
        assert loader._helper._process is waited[-1]
        assert loader.load(signed.location, signed.digest, 1).release.ref.release == 11
    assert waited[0] is not waited[1]
    assert [process.returncode for process in waited if process] == [0, 0]


def test_one_that_waited_and_died_is_replaced(trainer: Trainer) -> None:
    signed = trainer.release(12)
    loader = ChildLoader(trainer.artefacts, trainer.trusted, 120.0)
    loader.prepare()
    process = loader._helper._process
    assert process is not None
    process.kill()
    process.wait()
    assert loader.load(signed.location, signed.digest, 1).release.ref.release == 12


def test_no_process_is_left_when_the_scorer_stops_or_dies(trainer: Trainer) -> None:
    loader = ChildLoader(trainer.artefacts, trainer.trusted, 120.0)
    loader.prepare()
    stopped = loader._helper._process
    loader.stop()
    loader.prepare()
    assert stopped is not None
    assert stopped.wait(60) != 0
    with pytest.raises(ReleaseRefused):
        loader.load("file:///x", "0" * 64, 1)
    left = ChildLoader(trainer.artefacts, trainer.trusted, 120.0)
    left.prepare()
    orphan = left._helper._process
    assert orphan is not None
    assert orphan.stdin is not None
    orphan.stdin.close()  # as the system does when a scorer dies
    assert orphan.wait(60) == 0


def test_after_a_load_the_process_for_the_next_waits_until_others_have_had_the_core_for_theirs(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, begun = 100.0, list[str]()
    monkeypatch.setattr("stream.loader.time.monotonic", lambda: clock)
    monkeypatch.setattr(Helper, "prepare", lambda _: begun.append("process"))
    monkeypatch.setattr(Helper, "ask", lambda *_: pickle.dumps(Refused("no", "not this one")))
    loader = ChildLoader(trainer.artefacts, trainer.trusted, 120.0)
    loader.prepare()
    assert begun == ["process"]
    with pytest.raises(ReleaseRefused):
        loader.load("file:x", "0" * 64, 1)
    loader.prepare()
    assert begun == ["process"]
    clock += REST_SECONDS
    loader.prepare()
    assert begun == ["process"] * 2
