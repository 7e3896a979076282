"""What comes while a long backlog is worked off is read in turn with it, and nothing is lost or done twice by that."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.transport.driving import Seen, echo
from tests.transport.places import PARTITIONS, KafkaPlace
from tests.transport.test_exactly_once import wait_for, worker
from transport.ahead import Place
from transport.bounds import Bounds
from transport.loop import Handler, Loop
from transport.records import Batch, Outgoing, Partition, Record
from transport.settings import consumer_properties

WAITING = 3000
FRESH = 300
MUCH = 500


@pytest.fixture
def behind(real: KafkaPlace) -> KafkaPlace:
    """Much waits in each partition."""
    real.settings = real.settings.model_copy(update={"fresh_first": MUCH, "max_batch": 100})
    real.put_many(WAITING)
    return real


class Told(Seen):
    """Remembers which partitions had a backlog, too."""

    def __init__(self, until: int) -> None:
        super().__init__(until)
        self.backlogs: list[Partition] = []
        self.over: list[Partition] = []

    def backlog(self, partition: Partition, start: int, end: int) -> None:
        assert end - start > MUCH
        self.backlogs.append(partition)

    def worked_off(self, partition: Partition) -> None:
        self.over.append(partition)


class Filing(threading.Thread):
    """Files fresh records, one after the other."""

    def __init__(self, place: KafkaPlace, count: int) -> None:
        super().__init__()
        self._place = place
        self._count = count

    def run(self) -> None:
        for number in range(WAITING, WAITING + self._count):
            self._place.put_many(1, first=number)
            time.sleep(0.001)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.join()


def slow(handler: Handler, seconds: float = 0.02) -> Handler:
    def wait(records: Sequence[Record]) -> Batch:
        time.sleep(seconds)
        return handler(records)

    return wait


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.value or b"") for record in records]


def run(place: KafkaPlace, handler: Handler, until: int, seconds: float = 60.0) -> Told:
    seen = Told(until)
    seen.loop = Loop(place.backend(), handler, bounds=Bounds(100), observer=seen)
    timer = threading.Timer(seconds, seen.loop.stop)
    timer.start()
    try:
        seen.loop.run()
    finally:
        timer.cancel()
    return seen


def committed(place: KafkaPlace) -> list[Place]:
    """Where the group goes on, by partition, as the broker has it."""
    consumer = Consumer(consumer_properties(place.settings))
    try:
        places = consumer.committed([TopicPartition(place.name("in"), each) for each in range(PARTITIONS)], 10)
        return [Place.of(found) for found in places]
    finally:
        consumer.close()


def assert_once_each(records: Sequence[Record], count: int) -> None:
    assert Counter(numbers(records)) == dict.fromkeys(range(count), 1)


@pytest.mark.kafka
@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_what_comes_is_answered_before_a_backlog_that_waits(behind: KafkaPlace, delivery: str) -> None:
    behind.settings = behind.settings.model_copy(update={"delivery": delivery})
    begun: list[Filing] = []

    def handler(records: Sequence[Record]) -> Batch:
        if not begun:
            begun.append(Filing(behind, 50))
            begun[0].start()
        return slow(echo(behind.name("out")))(records)

    seen = run(behind, handler, WAITING + 50)
    begun[0].join()
    assert_once_each(seen.records, WAITING + 50)
    assert sorted(seen.backlogs) == [(behind.name("in"), partition) for partition in range(PARTITIONS)]
    # All but those that were there when the end was looked up.
    assert sum(number >= WAITING for number in numbers(seen.records)[WAITING // 2 :]) < 10
    places = committed(behind)
    assert sum(place.offset for place in places) == WAITING + 50
    assert [place.start for place in places] == [0] * PARTITIONS  # all is as ever again
    behind.put_many(100, first=WAITING + 50)
    assert len(run(behind, echo(behind.name("out")), 100).records) == 100
    assert_once_each(behind.published("out", WAITING + 150), WAITING + 150)


@pytest.mark.kafka
def test_whoever_goes_on_knows_what_was_done_beyond_the_backlog(behind: KafkaPlace) -> None:
    """Also who is told to read no backlog in turn with what comes."""
    out = echo(behind.name("out"))
    with Filing(behind, FRESH):
        run(behind, slow(out), 600)
        places = committed(behind)
        assert any(0 < place.offset < place.start < place.end for place in places)
        run(behind, slow(out), 600)
    behind.settings = behind.settings.model_copy(update={"fresh_first": 0})
    done = len(behind.published("out", 0))
    run(behind, out, WAITING + FRESH - done)
    assert_once_each(behind.published("out", WAITING + FRESH), WAITING + FRESH)


@pytest.mark.kafka
@pytest.mark.parametrize("every", [2, 3])
def test_what_was_read_ahead_comes_again_after_an_abort_and_so_does_the_backlog(behind: KafkaPlace, every: int) -> None:
    spoilt: list[bool] = []

    def handler(records: Sequence[Record]) -> Batch:
        batch = slow(echo(behind.name("out")), 0.01)(records)
        spoilt.append(any(number >= WAITING for number in numbers(records)))
        if len(spoilt) % every or len(spoilt) > 20:
            return batch
        return Batch([*batch.outputs, Outgoing(f"no-such-topic-{len(spoilt)}", None, b"")])  # aborted for that

    with Filing(behind, FRESH):
        seen = run(behind, handler, WAITING + FRESH)
    assert len(seen.aborts) >= 6
    assert set(spoilt) == {True, False}
    assert_once_each(behind.published("out", WAITING + FRESH), WAITING + FRESH)


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_a_worker_that_is_killed_amid_both_has_lost_and_doubled_nothing(behind: KafkaPlace) -> None:
    with Filing(behind, FRESH):
        for kill in range(4):
            with worker(behind, pace=0.03) as process:
                wait_for(process, "batch", times=5 + kill)
                time.sleep(random.Random(kill).random() * 0.06)
                process.kill()
    with worker(behind, pace=0.0) as process:
        out = behind.published("out", WAITING + FRESH)
        process.terminate()
        assert process.wait(30) == 0
    assert_once_each(out, WAITING + FRESH)


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_partitions_that_move_while_there_is_a_backlog_are_read_on_by_others(behind: KafkaPlace, protocol: str) -> None:
    behind.settings = behind.settings.model_copy(
        update={"client": {**behind.settings.client, "group.protocol": protocol}}
    )
    with Filing(behind, FRESH), worker(behind, slot="a", pace=0.05) as first:
        wait_for(first, "batch", times=6)
        with worker(behind, slot="b", pace=0.05) as second:
            wait_for(second, "batch", times=6)
            second.terminate()
            assert second.wait(30) == 0
        out = behind.published("out", WAITING + FRESH)
        first.terminate()
        assert first.wait(30) == 0
    assert_once_each(out, WAITING + FRESH)


@pytest.mark.parametrize("metadata", ["", "somebody's own", "done 5-3", "done 3-5", "done 20-19", "done -1-30"])
def test_metadata_that_is_not_ours_says_nothing(metadata: str) -> None:
    assert Place.of(TopicPartition("in", 0, 10, metadata)) == Place(10)


def test_a_place_is_what_it_was_once_it_went_through_the_broker() -> None:
    assert Place.of(Place(10, 20, 30).at(("in", 0))) == Place(10, 20, 30)
    assert Place.of(Place(10).at(("in", 0))) == Place(10)
    assert Place.of(Place(20, 20, 30).at(("in", 0))) == Place(30)


@pytest.mark.parametrize(
    ("offset", "covered"), [(10, True), (11, False), (20, False), (21, True), (30, True), (31, False)]
)
def test_what_a_place_covers(offset: int, covered: bool) -> None:
    assert Place(10, 20, 30).covers(offset) == covered
