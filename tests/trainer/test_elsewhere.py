"""Promises of what is said of Kafka's own copies of an erased report: each is named, and how long it stays."""

import uuid
from collections.abc import Iterator

import pytest

from schemas import topics
from tests.trainer.events import outcome, priority, records, report
from trainer.dataset.elsewhere import Place, elsewhere
from transport.embedded import EmbeddedBroker
from transport.retention import retention_ms
from transport.sender import Sender
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    names = {topic.name: 1 for topic in topics.all_topics()} | {
        "riverton.crime-reports": 1,
        "riverton.crime-reports.dlq": 1,
    }
    with EmbeddedBroker(names) as started:
        yield started


def test_every_record_of_a_report_is_named_by_topic_partition_and_offset(broker: EmbeddedBroker) -> None:
    with Sender(broker.settings()) as sender:
        for n in (1, 2, 1):
            for event in (report(n), priority(n), outcome(n)):
                (record,) = records([event])
                sender.send(record.topic, record.key, record.value, record.headers)
                sender.flush()
        sender.send("riverton.crime-reports", b"riverton/r1", b"{}")
        sender.send("riverton.crime-reports.dlq", None, b'{"report_id": "r1", broken')
        sender.send("audit-requests", b"riverton/r1", b"{}")
        sender.send("model-versions", b"riverton/r1", b"{}")  # about no report
        sender.send("crime-reports", b"otherton/r1", b"{}")
        sender.flush()
    assert elsewhere(broker.settings(), "riverton", "r1") == [
        Place("audit-requests", 0, (0,), None),
        Place("crime-reports", 0, (0, 2), None),
        Place("priorities", 0, (0, 2), None),
        Place("riverton.crime-reports", 0, (0,), None),
        Place("riverton.crime-reports.dlq", 0, (0,), None),
        Place("solved-cases", 0, (0, 2), None),
    ]
    assert elsewhere(broker.settings(), "riverton", "never") == []


@pytest.mark.kafka
def test_a_real_broker_tells_how_long_it_keeps_a_topic(kafka: str) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    short, ever = (f"kept-{uuid.uuid4().hex[:8]}" for _ in range(2))
    create_topics(
        settings, [TopicSpec(short, config={"retention.ms": "60000"}), TopicSpec(ever, config={"retention.ms": "-1"})]
    )
    assert retention_ms(settings, [short, ever, "not-there"]) == {short: 60_000, ever: -1, "not-there": None}
