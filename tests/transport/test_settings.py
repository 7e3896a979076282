"""The settings: what they refuse, and what every client gets from them."""

import pytest
from pydantic import ValidationError

from transport.settings import KafkaSettings, consumer_properties, producer_properties, transactional_properties


def test_they_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEVERITY_KAFKA__BOOTSTRAP_SERVERS", "broker:9092")
    monkeypatch.setenv("SEVERITY_KAFKA__DELIVERY", "at-least-once")
    monkeypatch.setenv("SEVERITY_KAFKA__CLIENT", '{"security.protocol": "SSL"}')
    settings = KafkaSettings()
    assert settings.bootstrap_servers == "broker:9092"
    assert settings.delivery == "at-least-once"
    assert consumer_properties(settings)["security.protocol"] == "SSL"


def test_what_a_promise_depends_on_cannot_be_passed_through() -> None:
    with pytest.raises(ValidationError, match=r"isolation\.level"):
        KafkaSettings(client={"isolation.level": "read_uncommitted"})


def test_the_embedded_broker_cannot_be_asked_for_exactly_once() -> None:
    with pytest.raises(ValidationError, match="no transactions"):
        KafkaSettings(embedded=True)


def test_a_worker_keeps_its_transactional_ids_over_a_restart_and_shares_none() -> None:
    def ids(slot: str) -> set[object]:
        settings = KafkaSettings(group_id="g", slot=slot)
        return {transactional_properties(settings, member)["transactional.id"] for member in range(2)}

    assert ids("a") == ids("a")
    assert len(ids("a") | ids("b")) == 4


def test_every_writer_uses_javas_partitioner_and_waits_for_all_replicas() -> None:
    for properties in (producer_properties(KafkaSettings()), transactional_properties(KafkaSettings(), 0)):
        assert properties["partitioner"] == "murmur2_random"
        assert properties["acks"] == "all"
        assert properties["enable.idempotence"] is True


def test_readers_see_committed_records_only() -> None:
    assert consumer_properties(KafkaSettings())["isolation.level"] == "read_committed"
