"""`severity train --once` as a person runs it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from schemas import topics
from schemas.envelope import decode
from schemas.model_version import ModelVersion
from schemas.topics import all_topics
from severity.artefact import load, verify
from severity.keys import load_trusted, new_pair
from tests.trainer.city import solved_cases
from tests.trainer.events import Outbox, records
from trainer.audit import AuditDraw
from trainer.dataset import Dataset
from trainer.intake import Intake
from transport.embedded import EmbeddedBroker
from transport.reader import Reader

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def test_one_training_makes_a_release_that_verifies_and_announces_it(tmp_path: Path) -> None:
    reports, outcomes = solved_cases(250)
    Intake(Dataset(tmp_path / "dataset"), Outbox(), AuditDraw(b"", 0), lambda: NOW).take(
        records(reports) + records(outcomes)
    )
    private, public = new_pair(tmp_path / "keys")
    with EmbeddedBroker({topic.name: topic.partitions for topic in all_topics()}) as broker:
        settings = {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "SEVERITY_KAFKA__EMBEDDED": "true",
            "SEVERITY_KAFKA__DELIVERY": "at-least-once",
            "SEVERITY_TRAINER__DATASET": str(tmp_path / "dataset"),
            "SEVERITY_TRAINER__ARTEFACTS": str(tmp_path / "releases"),
            "SEVERITY_TRAINER__SIGNING_KEY": str(private),
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "train", "--once"],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert "done" in done.stderr
        with Reader(broker.settings(), [topics.MODEL_VERSIONS]) as reader:
            announced = []
            while not (announced and reader.caught_up):
                announced += [decode(ModelVersion, r.key, r.value, r.headers) for r in reader.read(10, 1.0)]
    champion = announced[-1]
    assert champion.role == "champion"
    verified = verify(
        champion.location, load_trusted(public), minimum_release=1, digest=champion.digest, now=datetime.now(UTC)
    )
    assert load(verified).ref.release == champion.release == 1
