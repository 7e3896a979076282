"""Every report of a city's file, through a real Kafka, exactly once, scored by a model."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.demo.processes import Services
from cli.topics import topic_specs
from schemas import topics
from schemas.envelope import decode, encode
from schemas.priority import Priority
from tests.stream.releases import train
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import create_topics

ROWS = 39_980


@pytest.mark.kafka
def test_each_of_39980_lapd_reports_has_exactly_one_priority(kafka: str, lapd_file: Path, tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    create_topics(settings, topic_specs())
    trainer = train(tmp_path)
    version = trainer.release(1).announcement("champion")
    with Sender(settings) as sender:
        sender.send(topics.MODEL_VERSIONS, *encode(version, source="/test", time=version.created_at))

    published: Counter[str] = Counter()
    decided: Counter[str] = Counter()
    environment = {
        "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "SEVERITY_SCORER__METRICS_PORT": "0",
        "SEVERITY_SCORER__TRUSTED_KEYS": str(trainer.trusted),
        "SEVERITY_SCORER__ARTEFACTS": str(trainer.artefacts),
        "SEVERITY_SCORER__GROUP_ID": f"severity-scorer-{tmp_path.name}",
        "SEVERITY_CAD__CITY": "lapd",
        "SEVERITY_CAD__DATA": str(lapd_file),
        "SEVERITY_CAD__RATE": "100000",
        "SEVERITY_CAD__OUTCOMES": "all",
        "SEVERITY_CAD__LONGEST_WAIT": "1",
        "SEVERITY_CAD__STAY": "false",
    }
    with (
        Reader(settings, [topics.PRIORITIES], start=datetime.now(UTC)) as reader,
        Services(tmp_path, environment) as services,
    ):
        services.start("scorer", {}).wait_ready(60)
        cad = services.start("cad", {})
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 5 or cad.exit_code is None:
            services.check()
            for record in reader.read(10_000, 0.2):
                priority = decode(Priority, record.key, record.value, record.headers)
                if priority.agency_id == "lapd":
                    published[priority.ce_id] += 1
                    decided[priority.decided_by] += 1
                    quiet_since = time.monotonic()
        assert services.end() == {"cad": 0, "scorer": 0}

    assert len(published) == ROWS
    assert published.total() == ROWS
    assert decided["model"] > ROWS / 2
    assert decided["fallback"] == 0
