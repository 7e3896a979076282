"""Promise about real Kafka: of two trainers one is at work; the other waits, and follows when the first is killed."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.trainer.test_service import RUN
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def environment(kafka: str, tmp_path: Path) -> dict[str, str]:
    """Of trainers of one model and dataset, which nobody else has."""
    name = uuid.uuid4().hex[:8]
    private, _ = new_pair(tmp_path / "keys")
    reports = f"agency{name}.crime-reports"
    wanted = [TopicSpec(reports, partitions=1)]
    wanted += [TopicSpec(topic, partitions=1) for topic in (topics.MODEL_VERSIONS, topics.MODEL_STATUS)]
    create_topics(KafkaSettings(bootstrap_servers=kafka), wanted)
    return {
        "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "SEVERITY_TRAINER__MODEL_NAME": f"model-{name}",
        "SEVERITY_TRAINER__TOPICS": json.dumps([reports]),
        "SEVERITY_TRAINER__METRICS_PORT": "0",
        "SEVERITY_TRAINER__DATASET": str(tmp_path / "dataset"),
        "SEVERITY_TRAINER__ARTEFACTS": str(tmp_path / "releases"),
        "SEVERITY_TRAINER__SIGNING_KEY": str(private),
    }


class Trainer:
    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN], env=os.environ | environment, stderr=subprocess.PIPE, text=True
        )

    def says(self) -> str:
        """The next event."""
        heard = []
        for line in self.process.stderr:
            heard.append(line)
            if line.startswith("{"):
                return json.loads(line)["event"]
        pytest.fail(f"the trainer ended: {''.join(heard)}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def trainers(environment: dict[str, str]) -> Iterator[list[Trainer]]:
    """Two; the first is at work, the second waits."""
    found = [Trainer(environment)]
    try:
        assert found[0].says() == "ready"
        found.append(Trainer(environment))
        assert found[1].says() == "standby"
        yield found
    finally:
        for one in found:
            one.close()


def test_the_second_waits_and_follows_when_the_first_is_killed_and_a_person_trains_beside_neither(
    environment: dict[str, str], trainers: list[Trainer]
) -> None:
    first, second = trainers
    first.process.kill()
    assert second.says() == "ready"
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "train", "--once"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 1
    assert "is at work" in done.stderr
