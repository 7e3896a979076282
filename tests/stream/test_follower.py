import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.envelope import encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from schemas.priority import ModelRef
from severity.assess import Release
from stream.errors import HighWaterUnreadable, ReleaseRefused
from stream.follower import Follower, Way
from stream.helper import HelperFailure
from stream.high_water import HighWater, Mark
from stream.loader import Handover
from tests.stream.standin import NOW
from transport.records import Record

RETRY_SECONDS = 30.0


def version(release: int, *, digest: str | None = None, role: str = "champion", name: str = "severity") -> ModelVersion:
    return ModelVersion.model_validate(
        {
            "name": name, "role": role, "release": release, "digest": digest or f"{release:064x}",
            "location": f"file:///models/{release}", "key_id": "k", "signature": "A" * 86 + "==", "created_at": NOW,
            "expires_at": NOW + timedelta(days=30), "rows": 1, "metrics": {}, "verdict": "passed",
        }
    )  # fmt: skip


@dataclass
class Scene:
    """A follower with hands that note what it does; `fails`: release → how its load fails."""

    high_water: HighWater = field(default_factory=lambda: HighWater("severity", None))
    fails: dict[int, Exception] = field(default_factory=dict)
    waiting: list[Record] = field(default_factory=list)
    caught_up: bool = True
    time: datetime = NOW
    loads: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    answers: list[ModelStatus] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    acknowledged: Mark = field(default_factory=Mark)
    expires_at: datetime | None = None
    says: dict[int, ModelRef] = field(default_factory=dict)
    prepared: int = 0

    def __post_init__(self) -> None:
        self.follower = Follower(
            self,
            Way(self._load, self._prepare, lambda handover: self.offered.append(handover.release.ref.release),
                self.answers.append, self.counted.append),
            self.high_water, lambda: self.acknowledged, name="severity", instance="scorer-0", clock=lambda: self.time,
            retry_seconds=RETRY_SECONDS,
        )  # fmt: skip

    def read(self, most: int, seconds: float) -> Sequence[Record]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def announce(self, *versions: ModelVersion) -> None:
        for announced in versions:
            key, value, headers = encode(announced, source="trainer", time=NOW)
            self.waiting.append(Record(topics.MODEL_VERSIONS, 0, 0, key, value, tuple(headers), 0))
        self.follower.step()

    def _load(self, location: str, digest: str, minimum_release: int) -> Handover:
        release = int(location.rsplit("/")[-1])
        assert minimum_release == release
        self.loads.append(release)
        if release in self.fails:
            raise self.fails[release]
        model = self.says.get(release, ModelRef(name="severity", release=release, digest=digest))
        inside: Any = None  # does not concern the follower
        return Handover(Release(inside, inside, model), NOW, (), expires_at=self.expires_at)

    def _prepare(self) -> None:
        self.prepared += 1

    def answer(self) -> tuple[int, str, str | None]:
        last = self.answers[-1]
        return last.release, last.result, last.reason


def test_a_new_champion_is_loaded_offered_and_answered() -> None:
    scene = Scene()
    scene.announce(version(1))
    scene.announce(version(2))
    assert scene.offered == [1, 2]
    assert scene.counted == ["loaded", "loaded"]
    assert scene.answer() == (2, "loaded", None)
    assert scene.answers[-1].instance == "scorer-0"


def test_the_next_load_is_prepared_while_there_is_nothing_to_load() -> None:
    scene = Scene()
    scene.announce(version(1))
    assert scene.prepared == 0
    scene.announce()
    assert scene.prepared == 1


def test_only_the_champion_of_its_own_model_is_followed() -> None:
    scene = Scene()
    scene.announce(version(5, role="challenger"), version(5, role="release"), version(5, name="other"))
    assert (scene.loads, scene.answers) == ([], [])


def test_of_many_announcements_only_the_newest_is_loaded() -> None:
    scene = Scene(caught_up=False)
    scene.announce(version(1), version(2))
    assert (scene.loads, scene.follower.looked.is_set()) == ([], False)
    scene.caught_up = True
    scene.announce(version(3))
    assert scene.offered == [3]
    assert scene.follower.looked.is_set()


def test_a_repeated_announcement_is_not_loaded_again() -> None:
    scene = Scene()
    scene.announce(version(1))
    scene.announce(version(1))
    assert scene.loads == [1]
    assert len(scene.answers) == 1


def test_an_older_release_is_refused_and_the_newer_one_scores_on() -> None:
    scene = Scene()
    scene.announce(version(5))
    scene.announce(version(4))
    assert scene.offered == [5]
    assert scene.answer() == (4, "refused", "old-release")
    assert scene.counted == ["loaded", "old-release"]


def test_a_release_number_is_not_used_for_two_artefacts() -> None:
    scene = Scene()
    scene.announce(version(5))
    scene.announce(version(5, digest="f" * 64))
    assert scene.loads == [5]
    assert scene.answer() == (5, "refused", "reused-release")


def test_an_artefact_of_another_release_than_announced_is_refused() -> None:
    scene = Scene(says={6: ModelRef(name="severity", release=7, digest="0" * 64)})
    scene.announce(version(6))
    assert (scene.offered, scene.answer()) == ([], (6, "refused", "other-release"))
    assert scene.high_water.mark.release == 0


def test_a_refused_release_leaves_the_old_one_and_is_not_tried_for_ever() -> None:
    scene = Scene(fails={2: ReleaseRefused("bad-signature", "not signed by a trusted key")})
    scene.announce(version(1))
    scene.announce(version(2))
    scene.time += timedelta(hours=1)
    scene.follower.step()
    assert (scene.offered, scene.loads) == ([1], [1, 2])
    assert scene.answer() == (2, "refused", "bad-signature")
    assert scene.high_water.mark.release == 1


def test_a_release_that_failed_for_a_passing_reason_is_tried_again_later() -> None:
    scene = Scene(fails={1: ReleaseRefused(HelperFailure.CRASHED, "killed")})
    scene.announce(version(1))
    scene.follower.step()
    assert scene.loads == [1]
    scene.fails.clear()
    scene.time += timedelta(seconds=RETRY_SECONDS)
    scene.follower.step()
    assert scene.offered == [1]
    assert scene.answer() == (1, "loaded", None)


def test_a_release_whose_loading_broke_down_is_tried_again_later() -> None:
    scene = Scene(fails={1: OSError("no process can be started now")})
    with pytest.raises(OSError, match="no process"):
        scene.announce(version(1))
    scene.fails.clear()
    scene.follower.step()
    assert scene.loads == [1]
    scene.time += timedelta(seconds=RETRY_SECONDS)
    scene.follower.step()
    assert scene.offered == [1]


def test_an_unreadable_announcement_is_counted_and_the_next_one_followed() -> None:
    scene = Scene()
    scene.waiting.append(Record(topics.MODEL_VERSIONS, 0, 0, b"severity/champion", b"{", (), 0))
    scene.announce(version(1))
    assert scene.counted == ["unreadable-announcement", "loaded"]


def test_after_a_restart_the_same_release_is_loaded_and_an_older_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "state" / "high-water.json"
    Scene(HighWater("severity", path)).announce(version(5))
    again = Scene(HighWater("severity", path))
    again.announce(version(5))
    assert again.offered == [5]
    older = Scene(HighWater("severity", path))
    older.announce(version(4))
    assert older.answer() == (4, "refused", "old-release")
    assert older.offered == [5], "what was used before is better than none"


def test_after_a_restart_the_release_used_before_replaces_a_refused_newest_one(tmp_path: Path) -> None:
    path = tmp_path / "high-water.json"
    Scene(HighWater("severity", path)).announce(version(5))
    again = Scene(HighWater("severity", path), fails={6: ReleaseRefused("bad-digest", "model.joblib")})
    again.announce(version(6))
    assert again.offered == [5]
    assert again.answer() == (6, "refused", "bad-digest")
    again.announce(version(7))
    assert again.offered == [5, 7]


def test_a_high_water_mark_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "high-water.json"
    path.write_text('{"severity": 5}')
    with pytest.raises(HighWaterUnreadable, match=r"high-water\.json"):
        HighWater("severity", path)


def test_the_high_water_marks_of_two_models_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "high-water.json"
    HighWater("one", path).rise(Mark(3, "a", "x"))
    HighWater("two", path).rise(Mark(9, "b", "y"))
    assert HighWater("one", path).mark == Mark(3, "a", "x")


def test_a_mark_that_cannot_be_kept_does_not_stop_the_scoring(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    scene = Scene()
    scene.high_water._path = tmp_path / "file" / "high-water.json"
    scene.announce(version(1))
    assert scene.answer() == (1, "loaded", None)


def test_the_thread_outlives_a_broker_that_is_away_and_ends_when_told() -> None:
    scene = Scene()
    broken = threading.Event()

    def fail(most: int, seconds: float) -> Sequence[Record]:
        del scene.read  # the next read works again
        broken.set()
        raise ConnectionError("no broker")

    scene.read = fail  # type: ignore[method-assign]  # a broker that is away, once
    thread = threading.Thread(target=scene.follower.run)
    thread.start()
    assert broken.wait(10)
    assert scene.follower.looked.wait(10)
    scene.follower.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_release_that_crashes_its_loader_again_and_again_is_tried_ever_more_seldom() -> None:
    scene = Scene(fails={1: ReleaseRefused(HelperFailure.CRASHED, "killed")})
    scene.announce(version(1))
    for _ in range(24 * 60):
        scene.time += timedelta(minutes=1)
        scene.follower.step()
    assert 24 <= len(scene.loads) <= 32, "within a day: after half a minute, one, two, …, then every hour"
    assert scene.counted == ["helper-crashed"] * len(scene.loads)
    scene.announce(version(2))
    assert scene.offered == [2], "the next release need not wait"


def test_a_fresh_scorer_takes_nothing_older_than_what_others_have_loaded() -> None:
    scene = Scene(acknowledged=Mark(5, f"{5:064x}", "file:///models/5"))
    scene.announce(version(4))
    assert scene.answer() == (4, "refused", "old-release")
    assert scene.offered == [5], "and scores with that"
    scene.announce(version(6))
    assert scene.offered == [5, 6]


def test_a_fresh_scorer_takes_nothing_below_its_settings_and_that_number_itself() -> None:
    scene = Scene(HighWater("severity", None, least=5))
    scene.announce(version(4))
    assert (scene.answer(), scene.offered) == ((4, "refused", "old-release"), [])
    scene.announce(version(5))
    assert scene.offered == [5]


def test_nothing_is_loaded_before_the_others_could_be_asked() -> None:
    scene = Scene()
    asked: list[int] = []

    def away() -> Mark:
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionError("no broker")
        return Mark(9, f"{9:064x}", "file:///models/9")

    scene.follower._acknowledged = away
    with pytest.raises(ConnectionError):
        scene.announce(version(8))
    with pytest.raises(ConnectionError):
        scene.follower.step()
    assert scene.loads == []
    scene.follower.step()
    assert scene.answer() == (8, "refused", "old-release")
    scene.follower.step()
    assert len(asked) == 3


def test_a_scorer_that_remembers_nothing_takes_a_former_champion_when_the_champion_is_gone() -> None:
    gone = ReleaseRefused("unreachable", "not there")
    scene = Scene(fails={5: gone, 4: gone})
    scene.announce(*(version(n, role="release") for n in range(1, 6)), version(5))
    assert scene.answer() == (5, "refused", "unreachable")
    assert scene.offered == [3]
    scene.fails.clear()
    scene.time += timedelta(seconds=RETRY_SECONDS)
    scene.follower.step()
    assert scene.offered == [3, 5]


def test_what_a_person_went_back_from_is_not_taken_in_the_place_of_the_rollback() -> None:
    back = version(6).model_copy(update={"restores": f"{3:064x}"})
    scene = Scene(fails={6: ReleaseRefused("unreachable", "not there")})
    scene.announce(*(version(n, role="release") for n in (3, 4, 5)), back)
    assert scene.offered == [3]
    unknown = version(6).model_copy(update={"restores": "e" * 64})
    other = Scene(fails={6: ReleaseRefused("unreachable", "not there")})
    other.announce(*(version(n, role="release") for n in (3, 4, 5)), unknown)
    assert other.offered == []


def test_an_expired_release_is_told_once_and_scores_on(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(expires_at=NOW + timedelta(days=1))
    scene.announce(version(1))
    scene.follower.step()
    assert "expired" not in caplog.text
    scene.time += timedelta(days=2)
    scene.follower.step()
    scene.follower.step()
    assert caplog.text.count("expired") == 1
    assert scene.offered == [1]
