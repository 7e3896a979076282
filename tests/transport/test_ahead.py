"""What comes while a long backlog is worked off is read in turn with it, and nothing is lost or done twice by that."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.transport.driving import Seen, drive, echo
from tests.transport.places import PARTITIONS, KafkaPlace
from tests.transport.test_exactly_once import wait_for, worker
from transport import ahead, source
from transport.ahead import Ahead, Place
from transport.bounds import Bounds
from transport.loop import Handler, Loop
from transport.records import Batch, Outgoing, Partition, Record
from transport.settings import admin_properties, consumer_properties

WAITING = 3000
FRESH = 300
MUCH = 500


@pytest.fixture
def behind(real: KafkaPlace, monkeypatch: pytest.MonkeyPatch) -> KafkaPlace:
    """Much waits in each partition, and has only just been written."""
    monkeypatch.setattr(ahead, "FRESH_SECONDS", 0.0)
    real.settings = real.settings.model_copy(update={"fresh_first": MUCH, "max_batch": 100})
    real.put_many(WAITING)
    return real


class Filing(threading.Thread):
    """Files fresh records, one after the other."""

    def __init__(self, place: KafkaPlace, count: int) -> None:
        super().__init__()
        self._place = place
        self._count = count

    def run(self) -> None:
        for number in range(WAITING, WAITING + self._count):
            self._place.put_many(1, first=number)
            time.sleep(0.001)  # so that they come over a second, amid the work

    def at_first(self, handler: Handler) -> Handler:
        """Begins when there is a first record to handle: what waits has been looked at by then."""

        def begin(records: Sequence[Record]) -> Batch:
            if self.ident is None:
                self.start()
            return handler(records)

        return begin


def slow(handler: Handler, seconds: float = 0.02) -> Handler:
    def wait(records: Sequence[Record]) -> Batch:
        time.sleep(seconds)
        return handler(records)

    return wait


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.value or b"") for record in records]


def run(place: KafkaPlace, handler: Handler, until: int, seconds: float = 60.0) -> Seen:
    return drive(place.backend(), handler, until, seconds=seconds)


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
    filing = Filing(behind, 50)
    seen = run(behind, filing.at_first(slow(echo(behind.name("out")))), WAITING + 50)
    filing.join()
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
def test_what_came_in_the_seconds_before_it_was_looked_at_is_not_a_part_of_the_backlog(
    behind: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "FRESH_SECONDS", 4.0)
    time.sleep(4.5)  # what waits is older than that now
    behind.put_many(50, first=WAITING)
    seen = run(behind, echo(behind.name("out")), WAITING + 50)
    assert_once_each(seen.records, WAITING + 50)
    assert all(number < WAITING for number in numbers(seen.records)[WAITING // 2 :])


def tell(place: KafkaPlace, done: Place, partition: int = 0) -> None:
    """Commit it, as a worker would have."""
    consumer = Consumer(consumer_properties(place.settings))
    try:
        consumer.commit(offsets=[done.to_commit((place.name("in"), partition))], asynchronous=False)
    finally:
        consumer.close()


def offsets(records: Sequence[Record]) -> list[int]:
    return sorted(record.offset for record in records if record.partition == 0)


@pytest.mark.kafka
def test_what_is_said_to_be_done_beyond_the_end_of_the_log_is_not_believed(behind: KafkaPlace) -> None:
    """A log that lost its end would else have its next records left out."""
    tell(behind, Place(10, 1000, WAITING))
    seen = run(behind, echo(behind.name("out")), WAITING, seconds=10)
    assert offsets(seen.records) == list(range(10, len(offsets(seen.records)) + 10))
    assert len(seen.records) == WAITING - 10


@pytest.mark.kafka
@pytest.mark.parametrize(("kept_from", "read_from"), [(500, None), (1100, 1200), (1300, 1300)])
def test_what_is_deleted_before_or_amid_what_is_done_does_not_bring_it_back(
    behind: KafkaPlace, kept_from: int, read_from: int | None
) -> None:
    tell(behind, Place(10, 1000, 1200))
    first = TopicPartition(behind.name("in"), 0, kept_from)
    with AdminClient(admin_properties(behind.settings)) as admin:
        for deleted in admin.delete_records([first]).values():
            deleted.result(10)
    seen = run(behind, echo(behind.name("out")), 1 << 60, seconds=8)
    read = offsets(seen.records)
    end = read[-1] + 1
    assert read == ([*range(500, 1000), *range(1200, end)] if read_from is None else [*range(read_from, end)])
    assert end > 1400
    assert committed(behind)[0] == Place(end)


@pytest.mark.kafka
def test_whoever_goes_on_knows_what_was_done_beyond_the_backlog(behind: KafkaPlace) -> None:
    """Also who is told to read no backlog in turn with what comes."""
    out = slow(echo(behind.name("out")))
    filing = Filing(behind, FRESH)
    run(behind, filing.at_first(out), 600)
    places = committed(behind)
    assert any(0 < place.offset < place.start for place in places)
    assert any(0 < place.start < place.end for place in places)
    run(behind, out, 600)
    filing.join()
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

    filing = Filing(behind, FRESH)
    seen = run(behind, filing.at_first(handler), WAITING + FRESH)
    filing.join()
    assert len(seen.aborts) >= 6
    assert set(spoilt) == {True, False}
    assert_once_each(behind.published("out", WAITING + FRESH), WAITING + FRESH)


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_a_worker_that_is_killed_amid_both_has_lost_and_doubled_nothing(behind: KafkaPlace) -> None:
    filing = Filing(behind, FRESH)
    filing.start()
    for kill in range(4):
        with worker(behind, pace=0.03) as process:
            wait_for(process, "batch", times=5 + kill)
            time.sleep(random.Random(kill).random() * 0.06)  # anywhere in two batches
            process.kill()
    filing.join()
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
    filing = Filing(behind, FRESH)
    filing.start()
    with worker(behind, slot="a", pace=0.15) as first:
        wait_for(first, "batch", times=6)
        with worker(behind, slot="b", pace=0.15) as second:
            wait_for(second, "batch", times=2)
            second.terminate()
            assert second.wait(30) == 0
        out = behind.published("out", WAITING + FRESH)
        first.terminate()
        assert first.wait(30) == 0
    filing.join()
    assert_once_each(out, WAITING + FRESH)


@pytest.mark.parametrize("metadata", ["", "somebody's own", "done 5-3", "done 3-5", "done 20-19", "done -1-30"])
def test_metadata_that_is_not_ours_says_nothing(metadata: str) -> None:
    assert Place.of(TopicPartition("in", 0, 10, metadata)) == Place(10)


def test_a_place_is_what_it_was_once_it_went_through_the_broker() -> None:
    assert Place.of(Place(10, 20, 30).to_commit(("in", 0))) == Place(10, 20, 30)
    assert Place.of(Place(10).to_commit(("in", 0))) == Place(10)
    assert Place.of(Place(20, 20, 30).to_commit(("in", 0))) == Place(30)


@pytest.mark.parametrize(
    ("offset", "covered"), [(10, True), (11, False), (20, False), (21, True), (30, True), (31, False)]
)
def test_what_a_place_covers(offset: int, covered: bool) -> None:
    assert Place(10, 20, 30).covers(offset) == covered


@pytest.mark.kafka
def test_a_thread_that_was_left_behind_with_what_it_read_ahead_does_not_pass_over_the_backlog(
    behind: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watchdog gives its partitions up on another thread, and it commits before the group's coordinator knows."""

    class Lingering(Consumer):
        def close(self) -> None:
            lingering.append(self)

    lingering: list[Lingering] = []
    monkeypatch.setattr(source, "Consumer", Lingering)
    out, filing = echo(behind.name("out")), Filing(behind, FRESH)

    def handler(records: Sequence[Record]) -> Batch:
        if min(numbers(records)) >= WAITING:
            loop.stop()
            loop.leave()
        return out(records)

    loop = Loop(behind.backend(), filing.at_first(handler), bounds=Bounds(100))
    loop.run()
    filing.join()
    monkeypatch.setattr(source, "Consumer", Consumer)
    for consumer in lingering:
        Consumer.close(consumer)
    done = len(behind.published("out", 0))
    run(behind, out, WAITING + FRESH - done, seconds=20)
    assert_once_each(behind.published("out", WAITING + FRESH), WAITING + FRESH)


@pytest.mark.kafka
def test_a_partition_that_was_silent_at_first_does_not_bring_back_what_is_done(
    behind: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes second, while the other one's records are handled, and was not looked at together with that."""
    look = Ahead.look
    monkeypatch.setattr(Ahead, "look", lambda *arguments: look(*arguments) and False)
    monkeypatch.setattr(source, "SILENT_SECONDS", 1.0)
    for partition in range(PARTITIONS):
        tell(behind, Place(10, 1000, 1200), partition)
    batches: list[int] = []

    def handler(records: Sequence[Record]) -> Batch:
        batches.append(len(records))
        if len(batches) < 6:
            time.sleep(0.3)  # until the silent one was looked at
        return echo(behind.name("out"))(records)

    left = WAITING - PARTITIONS * 210
    seen = run(behind, handler, left)
    assert len(seen.records) == left
    assert not {record.offset for record in seen.records} & {*range(10), *range(1000, 1200)}


@pytest.mark.kafka
def test_what_was_read_ahead_by_whom_the_group_does_not_know_any_more_is_let_go(
    behind: KafkaPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Expelled(Consumer):
        """Every third time that it is asked, the group has forgotten it: in turn amid the backlog and what is new."""

        asked = 0

        def memberid(self) -> str:
            self.asked += 1
            return "" if self.asked % 3 == 0 else str(super().memberid())

    monkeypatch.setattr(source, "Consumer", Expelled)
    let_go: list[Sequence[Partition]] = []
    rewind = Ahead.rewind

    def noticed(self: Ahead, partitions: Iterable[Partition]) -> None:
        let_go.append([*partitions])
        rewind(self, let_go[-1])

    monkeypatch.setattr(Ahead, "rewind", noticed)
    filing = Filing(behind, FRESH)
    seen = run(behind, filing.at_first(slow(echo(behind.name("out")))), WAITING + FRESH)
    filing.join()
    assert let_go
    assert_once_each(seen.records, WAITING + FRESH)
    assert_once_each(behind.published("out", WAITING + FRESH), WAITING + FRESH)
