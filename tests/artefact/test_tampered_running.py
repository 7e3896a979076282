"""A scorer as a real process: it starts elsewhere with a URL alone, outlives every tampered release, and says so."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas import topics
from schemas.envelope import decode, encode
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from severity.artefact.keys import load_private, new_pair
from severity.artefact.manifest import MANIFEST, MODEL
from severity.artefact.writing import Signed
from tests.artefact.releases import NOW, Maker, planted
from tests.artefact.s3 import s3
from tests.stream.conftest import broker
from tests.stream.running import read_until, scorer, scrape
from tests.stream.test_service import file_reports, priorities_of
from transport.embedded import EmbeddedBroker
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

__all__ = ["broker"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM or SIGINT")

Attack = Callable[[Maker, Path, Signed, Path], ModelVersion]
"""(maker, store, a good release 7 in it, where a payload would write) → what is announced."""


def changed_model(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    (base / good.digest / MODEL).write_bytes(planted(proof))
    return good.announcement()


def forged_manifest(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    folder = case.replace(base / good.digest, MODEL, planted(proof), load_private(new_pair(proof.parent / "x")[0]))
    return good.announcement().model_copy(update={"digest": folder.name, "location": folder.as_uri()})


def altered_field(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    path = base / good.digest / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"release": 8}))
    return good.announcement()


def older(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    return case.release(base, release=2).announcement()


def elsewhere(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    shutil.move(base / good.digest, base.parent / good.digest)
    return good.announcement().model_copy(update={"location": (base.parent / good.digest).as_uri()})


def huge(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    with (base / good.digest / MODEL).open("r+b") as file:
        file.truncate(5 << 30)
    return good.announcement()


def refused_challenger(case: Maker, base: Path, good: Signed, proof: Path) -> ModelVersion:
    return case.release(base, release=7, role="challenger").announcement("champion")


ATTACKS: dict[Attack, str] = {
    changed_model: "wrong-content",
    forged_manifest: "untrusted-key",
    altered_field: "wrong-digest",
    older: "old-release",
    elsewhere: "bad-location",
    huge: "too-large",
    refused_challenger: "not-a-champion",
}


def announce(kafka: KafkaSettings, version: ModelVersion) -> None:
    with Sender(kafka) as sender:
        sender.send(topics.MODEL_VERSIONS, *encode(version, source="t", time=NOW))


def last_answer(status: Reader) -> ModelStatus:
    record = read_until(status, bool)[-1]
    return decode(ModelStatus, record.key, record.value, record.headers)


def test_a_running_scorer_loads_nothing_tampered_and_scores_on(
    broker: EmbeddedBroker, case: Maker, tmp_path: Path
) -> None:
    kafka, base, proof = broker.settings(), tmp_path / "releases", tmp_path / "proof"
    good = case.release(base, release=3)
    announce(kafka, good.announcement())
    with (
        scorer(kafka, case.trusted_file, artefacts=base, high_water=tmp_path / "mark.json") as running,
        Reader(kafka, [topics.PRIORITIES]) as responder,
        Reader(kafka, [topics.MODEL_STATUS]) as status,
    ):
        address = running.ready()
        assert last_answer(status).result == "loaded"
        for round_, (attack, reason) in enumerate(ATTACKS.items()):
            victim = case.release(base, metrics={"round": float(round_)})
            announce(kafka, attack(case, base, victim, proof))
            answer = last_answer(status)
            assert (attack.__name__, answer.result, answer.reason) == (attack.__name__, "refused", reason)
            file_reports(kafka, range(10 * round_, 10 * round_ + 10))
            seen = priorities_of(read_until(responder, lambda records: len(records) >= 10))
            assert {one.model.digest if one.model else None for one in seen} == {good.digest}
        counted = scrape(address)
        for reason in set(ATTACKS.values()):
            times = [*ATTACKS.values()].count(reason)
            assert counted[f'severity_model_reloads_total{{result="{reason}"}}'] == times
        assert counted['severity_model_reloads_total{result="loaded"}'] == 1
        assert running.end() == 0
    assert not proof.exists()


def test_a_fresh_scorer_elsewhere_needs_only_the_topic_and_the_url(
    broker: EmbeddedBroker, case: Maker, tmp_path: Path
) -> None:
    kafka = broker.settings()
    with s3() as bucket:
        base = f"{bucket}/models/severity"
        signed = case.release(base, release=5)
        announce(kafka, signed.announcement())
        folder = tmp_path / "another-host"
        folder.mkdir()
        with (
            scorer(kafka, case.trusted_file, folder=folder, artefacts=base) as running,
            Reader(kafka, [topics.PRIORITIES]) as responder,
        ):
            running.ready()
            file_reports(kafka, range(10))
            seen = priorities_of(read_until(responder, lambda records: len(records) >= 10))
            assert {one.model.digest if one.model else None for one in seen} == {signed.digest}
            assert running.end() == 0
        assert not any("test-very-secret" in line for line in running.lines)

        older = case.release(base, release=4)
        announce(kafka, older.announcement())
        with (
            scorer(kafka, case.trusted_file, folder=folder, artefacts=base, group_id="another") as running,
            Reader(kafka, [topics.MODEL_STATUS]) as status,
        ):
            running.ready()
            answers = [decode(ModelStatus, r.key, r.value, r.headers) for r in read_until(status, lambda r: len(r) > 1)]
            assert (answers[-1].release, answers[-1].reason) == (4, "old-release"), "others had release 5"
            assert running.end() == 0
