"""Promise about a real Kafka: the dataset holds what was committed, once; what was aborted was never there."""

import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.trainer.events import START, Outbox, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import missed
from transport.reader import Reader
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics

pytestmark = pytest.mark.kafka


def take(settings: KafkaSettings, topic: str, folder: Path) -> Dataset:
    dataset = Dataset(folder)
    intake = Intake(dataset, Outbox(), AuditDraw(b"", 0), lambda: START)
    starts = intake.starts()
    with Reader(settings, [topic], start=starts) as reader:
        assert missed(reader, starts) == {}
        while not reader.caught_up:
            if batch := reader.read(7, 1.0):
                intake.take(batch)
    return dataset


def test_only_what_was_committed_is_stored_and_a_restart_goes_on_behind_it(kafka: str, tmp_path: Path) -> None:
    topic = f"riverton{uuid.uuid4().hex[:8]}.crime-reports"
    agency = topic.partition(".")[0]
    settings = KafkaSettings(bootstrap_servers=kafka)
    create_topics(settings, [TopicSpec(topic, partitions=2)])
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    names: set[str] = set()
    for start, commit in ((0, True), (100, False), (200, True), (300, False)):
        numbers = range(start, start + 20)
        producer.begin_transaction()
        for record in records([report(n, agency_id=agency) for n in numbers]):
            producer.produce(topic, record.value, record.key, headers=list(record.headers))
        producer.flush()
        (producer.commit_transaction if commit else producer.abort_transaction)()
        names |= {f"r{n}" for n in numbers} if commit else set()
        dataset = take(settings, topic, tmp_path)
        found = dataset.query("SELECT report_id FROM reports")["report_id"].to_pylist()
        assert sorted(found) == sorted(names)
