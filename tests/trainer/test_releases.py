"""What the trainer believes of what was released before."""

import json
from pathlib import Path

from severity.artefact.keys import load_private, load_trusted, new_pair
from severity.artefact.manifest import MANIFEST, Decision
from severity.artefact.store import open_store
from tests.artefact.releases import NOW, Maker, maker
from trainer.releasing.releases import ELSEWHERE, champion, hold, next_release, outdated, releases, superseded, trusted


def known(case: Maker) -> list:
    return releases(open_store(case.base), case.keys, "severity")


def test_release_numbers_rise_above_all_that_is_signed_and_all_that_was_announced(tmp_path: Path) -> None:
    case = maker(tmp_path)
    assert next_release([], known(case)) == 1
    first = case.release(release=12)
    assert next_release([], known(case)) == 13
    lost = first.announcement("release").model_copy(update={"release": 40})
    assert next_release([lost], known(case)) == 41


def test_a_forged_huge_number_does_not_use_up_the_numbers(tmp_path: Path) -> None:
    case = maker(tmp_path)
    version = case.release(release=12).announcement()
    forged = version.model_copy(update={"release": 2**31 - 1, "digest": "f" * 64})
    assert next_release([version, forged], known(case)) == 13
    assert ELSEWHERE < 2**20


def test_an_unsigned_manifest_in_the_store_is_no_release(tmp_path: Path) -> None:
    case = maker(tmp_path)
    signed = case.release(release=3)
    stranger = load_private(new_pair(tmp_path / "stranger")[0])
    case.release(release=90, signer=stranger)
    folder = case.copy(signed, tmp_path / "copies")
    manifest = json.loads((folder / MANIFEST).read_bytes()) | {"release": 99}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    folder.rename(case.base / ("a" * 64))
    assert [one.manifest.release for one in known(case)] == [3]


def test_the_champion_is_the_newest_announced_release_whose_own_manifest_says_so(tmp_path: Path) -> None:
    case = maker(tmp_path)
    old, best, loser = case.release(release=1), case.release(release=2), case.release(release=3, role="challenger")
    versions = [old.announcement("release"), best.announcement("release"), best.announcement()]
    found = champion(versions, known(case))
    assert found is not None
    assert found.release == 2
    forged = loser.announcement("champion")
    replayed = old.announcement("champion")
    still = champion([*versions[:2], forged, replayed], known(case))
    assert still is not None
    assert still.release == 2


def test_after_a_rollback_a_person_must_promote(tmp_path: Path) -> None:
    case = maker(tmp_path)
    by = {"by": "ann", "reason": "too many fives", "at": NOW, "restores": "0" * 64}
    back = case.release(release=5, decision=Decision(kind="rollback", **by))
    said = hold(back.announcement(), known(case))
    assert said is not None
    assert "ann" in said
    assert "too many fives" in said
    again = case.release(release=6, decision=Decision(kind="promote", **by))
    assert hold(again.announcement(), known(case)) is None
    assert hold(None, known(case)) is None


def test_the_trainer_trusts_its_own_key_and_those_beside_it(tmp_path: Path) -> None:
    private, _ = new_pair(tmp_path, "now")
    before, public = new_pair(tmp_path, "before")
    keys = trusted(private)
    assert keys.keys.keys() == {load_private(private).key_id, load_private(before).key_id}
    public.unlink()
    assert load_trusted(tmp_path).keys.keys() <= keys.keys.keys()


def test_what_a_person_decided_while_a_training_ran_is_not_published_over(tmp_path: Path) -> None:
    case = maker(tmp_path)
    first = case.release(release=1)
    versions = [first.announcement("release"), first.announcement()]
    made = case.release(release=2, parent=first.digest)
    assert superseded(made.announcement(), first.digest, versions, known(case)) is None
    back = case.release(release=2, decision=Decision(kind="rollback", by="ann", reason="x", at=NOW, restores="0" * 64))
    twin = superseded(made.announcement(), first.digest, versions, known(case))
    assert twin is not None
    assert back.digest in twin
    said = superseded(made.announcement(), first.digest, [*versions, back.announcement()], known(case))
    assert said is not None
    assert "became champion" in said


def test_outdated_are_all_but_the_newest_the_champions_line_and_what_scorers_have(tmp_path: Path) -> None:
    case = maker(tmp_path)
    made = {1: case.release(release=1)}
    for number in range(2, 9):
        made[number] = case.release(release=number, parent=made[number - 1].digest)
    by = Decision(kind="rollback", by="ann", reason="x", at=NOW, restores=made[2].digest)
    made[9] = case.release(release=9, parent=made[8].digest, decision=by)
    versions = [made[1].announcement(), made[9].announcement(), made[4].announcement()]
    gone = outdated(versions, known(case), in_use=[made[3].digest], keep=1)
    assert [one.manifest.release for one in gone] == [6, 5, 1]
    store = open_store(case.base)
    for one in gone:
        store.remove(one.digest)
    assert {one.manifest.release for one in known(case)} == {9, 8, 7, 4, 3, 2}
