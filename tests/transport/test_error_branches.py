"""The three ways on after an error within a transaction, reached by a broker that is told what to answer."""

import time
from collections.abc import Sequence
from typing import Literal

import pytest
from confluent_kafka import KafkaError, Producer

from tests.transport.driving import Seen, drive, echo
from transport.clients import produce
from transport.embedded import EmbeddedBroker
from transport.errors import LoopFailed
from transport.kafka import kafka_backend
from transport.loop import MOST_ABORTS
from transport.records import Batch, Outgoing, Record
from transport.sender import Sender
from transport.settings import KafkaSettings

PRODUCE, ADD_PARTITIONS, END, OFFSETS = 0, 24, 26, 28
"""Kafka's numbers of the requests that make a transaction."""


def run(request: int, *errors: int, delivery: Literal["exactly-once", "at-least-once"] = "exactly-once") -> Seen:
    """Work off three records while the requests of one kind are answered with `errors`, one after the other."""
    with EmbeddedBroker({"in": 1, "out": 1}) as broker:
        # It accepts transactions without keeping their promise, which is enough for the client's own state.
        settings = KafkaSettings(
            bootstrap_servers=broker.bootstrap_servers, delivery=delivery, client={"fetch.wait.max.ms": "1"}
        )
        with Sender(settings) as sender:
            for number in range(3):
                sender.send("in", b"key", b"%d" % number)
        waiting = list(errors)

        def handler(records: Sequence[Record]) -> Batch:
            broker.fail_requests(request, waiting)
            waiting.clear()
            return echo("out")(records)

        return drive(kafka_backend(settings, ["in"], ["out"]), handler, 3)


@pytest.mark.parametrize(
    ("request_kind", "errors"),
    [
        (ADD_PARTITIONS, [KafkaError.CONCURRENT_TRANSACTIONS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS]),
        (OFFSETS, [KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR]),
        (END, [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE]),
    ],
)
def test_what_passes_by_itself_is_tried_again_and_aborts_nothing(request_kind: int, errors: list[int]) -> None:
    seen = run(request_kind, *errors)
    assert seen.aborts == []
    assert [record.value for record in seen.records] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("request_kind", "error", "name"),
    [
        (PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED, "TOPIC_AUTHORIZATION_FAILED"),
        (ADD_PARTITIONS, KafkaError.TOPIC_AUTHORIZATION_FAILED, "TOPIC_AUTHORIZATION_FAILED"),
        (OFFSETS, KafkaError.ILLEGAL_GENERATION, "ILLEGAL_GENERATION"),
        (OFFSETS, KafkaError.UNKNOWN_MEMBER_ID, "UNKNOWN_MEMBER_ID"),
        (END, KafkaError.INVALID_PRODUCER_ID_MAPPING, "INVALID_PRODUCER_ID_MAPPING"),
    ],
)
def test_what_spoils_one_transaction_aborts_it_and_its_records_come_again(
    request_kind: int, error: int, name: str
) -> None:
    seen = run(request_kind, error)
    assert seen.aborts == [name]
    assert [record.value for record in seen.records] == [b"0", b"1", b"2"]


def test_a_refusal_while_more_is_still_handed_over_has_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(producer: Producer, message: Outgoing) -> None:
        produce(producer, message)
        time.sleep(0.3)

    monkeypatch.setattr("transport.transactions.produce", slowly)
    seen = run(ADD_PARTITIONS, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert seen.aborts == ["TOPIC_AUTHORIZATION_FAILED"]
    assert [record.value for record in seen.records] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("request_kind", "error", "reason"),
    [
        (PRODUCE, KafkaError.INVALID_PRODUCER_EPOCH, "fenced"),
        (ADD_PARTITIONS, KafkaError.PRODUCER_FENCED, "fenced"),
        (ADD_PARTITIONS, KafkaError.INVALID_PRODUCER_EPOCH, "fenced"),
        (OFFSETS, KafkaError.INVALID_PRODUCER_EPOCH, "fenced"),
        (END, KafkaError.INVALID_PRODUCER_EPOCH, "fenced"),
        (END, KafkaError.PRODUCER_FENCED, "fenced"),
        (OFFSETS, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "fatal"),
    ],
)
def test_what_cannot_be_mended_ends_the_loop(request_kind: int, error: int, reason: str) -> None:
    with pytest.raises(LoopFailed) as failed:
        run(request_kind, error)
    assert failed.value.reason == reason


def test_what_is_not_delivered_at_least_once_comes_again() -> None:
    seen = run(PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED, delivery="at-least-once")
    assert set(seen.aborts) == {"TOPIC_AUTHORIZATION_FAILED"}
    assert [record.value for record in seen.records] == [b"0", b"1", b"2"]


def test_a_loop_that_only_ever_aborts_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.loop.time.sleep", lambda seconds: None)
    with pytest.raises(LoopFailed, match="aborts"):
        run(OFFSETS, *[KafkaError.ILLEGAL_GENERATION] * (MOST_ABORTS + 1))
