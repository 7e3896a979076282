"""What a training made goes out, unless it was superseded; what is outdated goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import topics
from severity.artefact.manifest import Decision
from severity.artefact.store import open_store
from tests.artefact.releases import NOW, Maker, maker
from trainer.releasing.publish import announce, announced, publish
from trainer.releasing.releases import releases
from trainer.settings import TrainerSettings
from transport.embedded import EmbeddedBroker
from transport.sender import Sender


@pytest.fixture
def case(tmp_path: Path) -> Maker:
    return maker(tmp_path)


@pytest.fixture
def settings(case: Maker) -> Iterator[TrainerSettings]:
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics()}) as broker:
        key = case.trusted_file / "severity.private.pem"
        yield TrainerSettings(kafka=broker.settings(), artefacts=case.base, signing_key=key, keep_releases=2)


def test_releases_go_out_and_the_outdated_are_deleted(settings: TrainerSettings, case: Maker) -> None:
    parent = None
    for number in range(1, 8):
        signed = case.release(release=number, parent=parent)
        with Sender(settings.kafka) as sender:
            assert publish(settings, sender, signed.announcement(), parent) is None
        parent = signed.digest
    known = releases(open_store(case.base), case.keys, "severity")
    assert [one.manifest.release for one in known] == [7, 6, 5], "the newest two, and the champion's line"


def test_challengers_are_deleted_when_they_are_outdated(settings: TrainerSettings, case: Maker) -> None:
    champion = case.release(release=1)
    with Sender(settings.kafka) as sender:
        assert publish(settings, sender, champion.announcement(), None) is None
        for number in range(2, 8):
            signed = case.release(release=number, role="challenger", parent=champion.digest)
            assert publish(settings, sender, signed.announcement(), champion.digest) is None
    assert len(open_store(case.base).digests()) == 3, "the champion and the newest two"


def test_a_training_that_a_person_overtook_leaves_nothing(settings: TrainerSettings, case: Maker) -> None:
    first = case.release(release=1)
    with Sender(settings.kafka) as sender:
        announce(sender, first.announcement())
        by = Decision(kind="rollback", by="ann", reason="x", at=NOW, restores=first.digest)
        back = case.release(release=2, parent=first.digest, decision=by)
        announce(sender, back.announcement())
        made = case.release(release=3, parent=first.digest)
        why = publish(settings, sender, made.announcement(), first.digest)
    assert why is not None
    assert "release 2 became champion" in why
    assert made.digest not in open_store(case.base).digests()
    assert 3 not in {version.release for version in announced(settings.kafka, "severity")}
