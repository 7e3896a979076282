"""The reader without a group: where it starts, what it shows, when it is at the end."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.transport.places import EmbeddedPlace, KafkaPlace
from transport import reader as module
from transport.reader import Last, Reader
from transport.records import Record
from transport.sender import Sender
from transport.topics import TopicSpec, create_topics


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Iterator[KafkaPlace]:
    made = EmbeddedPlace() if request.param == "embedded" else KafkaPlace(request.getfixturevalue("kafka"))
    with made:
        yield made


def all_of(reader: Reader) -> list[Record]:
    found: list[Record] = []
    deadline = time.monotonic() + 30
    while not reader.caught_up and time.monotonic() < deadline:
        found += reader.read(100, 0.1)
    assert reader.caught_up
    return found


def test_it_reads_everything_from_the_beginning_and_knows_that_it_is_at_the_end(broker: KafkaPlace) -> None:
    broker.put_many(250)
    with Reader(broker.settings, [broker.name("in")]) as reader:
        assert not reader.caught_up
        assert len(all_of(reader)) == 250
        assert reader.lag() == 0


def test_from_the_end_it_reads_only_what_comes_later(broker: KafkaPlace) -> None:
    broker.put_many(5)
    with Reader(broker.settings, [broker.name("in")], "end") as reader:
        assert all_of(reader) == []
        broker.put(b"key", b"later")
        found: list[Record] = []
        deadline = time.monotonic() + 30
        while not found and time.monotonic() < deadline:
            found += reader.read(100, 0.1)
        assert [record.value for record in found] == [b"later"]


def test_it_goes_on_from_the_offsets_that_its_caller_kept_and_reads_other_partitions_whole(broker: KafkaPlace) -> None:
    broker.put_many(100)
    with Reader(broker.settings, [broker.name("in")]) as reader:
        everything = all_of(reader)
    with Reader(broker.settings, [broker.name("in")], {(broker.name("in"), 0): 10}) as reader:
        rest = all_of(reader)
    assert sorted(rest) == sorted(record for record in everything if record.partition != 0 or record.offset >= 10)


def test_of_the_end_it_reads_so_many_from_each_partition_and_nothing_that_its_caller_has(broker: KafkaPlace) -> None:
    broker.put_many(100)
    with Reader(broker.settings, [broker.name("in")]) as reader:
        everything = all_of(reader)
        places = dict(reader.places)
        assert reader.ends() == places
    newest = sorted(record for record in everything if record.offset >= places[record.topic, record.partition] - 5)
    with Reader(broker.settings, [broker.name("in")], Last(10)) as reader:
        assert sorted(all_of(reader)) == newest
    since = places | {(broker.name("in"), 0): places[broker.name("in"), 0] - 2}
    with Reader(broker.settings, [broker.name("in")], Last(10, since)) as reader:
        assert sorted(all_of(reader)) == [record for record in newest if record.partition == 0][-2:]


def test_a_pattern_reads_all_topics_that_match(broker: KafkaPlace) -> None:
    broker.put_many(10)
    with Reader(broker.settings, [f"^{broker.name('')}(in|out)$"]) as reader:
        assert {record.topic for record in all_of(reader)} == {broker.name("in")}
        assert reader.watermarks(broker.name("out"), 0) == (0, 0)


@pytest.mark.kafka
def test_from_a_time_it_reads_what_was_written_at_it_or_after(real: KafkaPlace) -> None:
    real.put(b"key", b"before")
    time.sleep(0.01)
    now = datetime.now(UTC)
    time.sleep(0.01)
    real.put(b"key", b"after")
    with Reader(real.settings, [real.name("in")], now) as reader:
        assert [record.value for record in all_of(reader)] == [b"after"]


@pytest.mark.kafka
def test_a_topic_that_is_made_later_is_noticed_and_read_from_its_beginning(
    real: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    with Reader(real.settings, [f"^{real.name('late')}"], "end") as reader:
        create_topics(real.settings, [TopicSpec(real.name("late-1"))])
        with Sender(real.settings) as sender:
            sender.send(real.name("late-1"), b"key", b"value")
        found: list[Record] = []
        deadline = time.monotonic() + 30
        while not found and time.monotonic() < deadline:
            found += reader.read(100, 0.1)
        assert [record.value for record in found] == [b"value"]
