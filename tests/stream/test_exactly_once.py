"""The scorer as a real process on a real Kafka."""

import sys
import uuid
from collections import defaultdict
from datetime import datetime

import pytest

from cli.topics import topic_specs
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from schemas.priority import Priority
from tests.stream.releases import Trainer
from tests.stream.running import read_until, scorer
from tests.stream.standin import NOW
from transport.reader import Reader
from transport.records import Record
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM"),
]
STEP = 700


def test_each_report_gets_one_priority_over_swaps_and_a_restart_and_no_batch_mixes_releases(
    kafka: str, trainer: Trainer
) -> None:
    agency = f"t{uuid.uuid4().hex}"  # with a topic, a group and a model of its own: the broker may be shared
    settings = KafkaSettings(bootstrap_servers=kafka)
    reports_topic = f"{agency}.{topics.CRIME_REPORTS}"
    create_topics(
        settings, [*topic_specs(), TopicSpec(reports_topic, 4), TopicSpec(topics.dead_letters(reports_topic), 1)]
    )
    own = {"topics": reports_topic, "group_id": agency, "model_name": agency}

    def file(numbers: range) -> None:
        with Sender(settings) as sender:
            for number in numbers:
                body = trainer.reports[number % len(trainer.reports)].model_dump()
                report = CrimeReport.model_validate(
                    body | {"agency_id": agency, "report_id": str(number), "status": "Actual"}
                )
                sender.send(reports_topic, *encode(report, source="cad/test", time=NOW))

    def announce(release: int) -> None:
        with Sender(settings) as sender:
            version = trainer.release(release, name=agency).announcement("champion")
            sender.send(topics.MODEL_VERSIONS, *encode(version, source="t", time=NOW))

    def mine(records: list[Record]) -> list[Record]:
        return [record for record in records if (record.key or b"").startswith(agency.encode())]

    with Reader(settings, [topics.PRIORITIES]) as responder, Reader(settings, [topics.MODEL_STATUS]) as status:
        announce(1)
        file(range(STEP))
        with scorer(settings, trainer.trusted, **own) as running:
            running.ready()
            read_until(status, lambda records: len(mine(records)) >= 1)
            announce(2)
            file(range(STEP, 2 * STEP))
            read_until(status, lambda records: len(mine(records)) >= 1)
            file(range(2 * STEP, 3 * STEP))
            assert running.end() == 0
        with scorer(settings, trainer.trusted, **own) as running:
            running.ready()
            file(range(3 * STEP, 4 * STEP))
            records = mine(read_until(responder, lambda records: len(mine(records)) >= 4 * STEP))
            assert running.end() == 0
        records += mine(read_until(responder, lambda _: responder.caught_up))
    assert {dict(record.headers)["severity.delivery"] for record in records} == {b"exactly-once"}
    priorities = [decode(Priority, record.key, record.value, record.headers) for record in records]
    assert sorted(int(priority.report_id) for priority in priorities) == [*range(4 * STEP)]
    batches: dict[datetime, set[int | None]] = defaultdict(set)
    for priority in priorities:
        batches[priority.scored_at].add(priority.model.release if priority.model else None)
    assert all(len(releases) == 1 for releases in batches.values())
    assert set().union(*batches.values()) == {1, 2}
