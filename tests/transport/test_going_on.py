"""What the loop does after a failure of the broker, of a part of a batch, or of its clients."""

import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tests.transport.driving import SECONDS, Seen, drive, echo
from tests.transport.places import PARTITIONS, KafkaPlace
from transport import source, transactions
from transport.ahead import Place
from transport.bounds import FIRST, Bounds
from transport.errors import Aborted, LoopFailed, TransportError
from transport.inspection import Inspection
from transport.local_kafka import LocalKafka, free_ports
from transport.loop import Loop
from transport.memory import MemoryBackend
from transport.observer import Observer
from transport.records import Batch, Record
from transport.settings import KafkaSettings
from transport.transactions import Transactions


def memory(*failures: TransportError, count: int = 20) -> tuple[MemoryBackend, Seen, Loop]:
    backend, seen = MemoryBackend({"in": 3, "out": 1}, ["in"]), Seen()
    for number in range(count):
        backend.put("in", b"%d" % number, b"%d" % number)
    backend.fail(*failures)
    return backend, seen, Loop(backend, echo("out"), observer=seen, bounds=Bounds(bytes=10))


def numbers(records: Sequence[Record]) -> list[int]:
    return sorted(int(record.value or b"") for record in records)


def members(place: KafkaPlace) -> int:
    """Of the place's group, as a new client is told."""
    with Inspection(place.settings) as inspection:
        return len(inspection.members(place.settings.group_id))


def test_new_clients_go_on_where_the_old_ones_could_not() -> None:
    backend, seen, loop = memory(LoopFailed("timed-out", "the broker was away", passing=True))
    backend.drain(loop)
    assert numbers(backend.published("out")) == list(range(20))
    assert seen.changes == ["assigned", "assigned"]


def test_a_batch_that_took_longer_than_its_transaction_may_comes_again_in_smaller_ones() -> None:
    """Else a network that became slow would let the same batch fail for ever."""
    backend, _, _ = memory(LoopFailed("timed-out", "longer than the transaction", passing=True), count=FIRST)
    sizes: list[int] = []

    def slow(records: Sequence[Record]) -> Batch:
        sizes.append(len(records))
        time.sleep(0.002 * len(records))
        return echo("out")(records)

    backend.drain(Loop(backend, slow, bounds=Bounds(seconds=0.02)))
    assert sizes[0] == FIRST
    assert sizes[1] < FIRST / 2
    assert numbers(backend.published("out")) == list(range(FIRST))


def test_what_does_not_pass_ends_the_loop() -> None:
    backend, _, loop = memory(LoopFailed("fatal", "another worker has this slot"))
    with pytest.raises(LoopFailed, match="fatal"):
        backend.drain(loop)
    assert backend.published("out") == []


def test_a_broker_that_is_not_there_at_the_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _, loop = memory()

    def away(_: object) -> None:
        raise LoopFailed("timed-out", "nobody answers", passing=True)

    monkeypatch.setattr(backend, "open", away)
    with pytest.raises(LoopFailed, match="nobody answers"):
        loop.run()


@pytest.mark.parametrize("failing", range(4))
def test_every_part_of_a_batch_is_published_when_one_part_is_aborted(failing: int) -> None:
    backend, _, _ = memory()
    parts: list[int] = []

    def handler(records: Sequence[Record]) -> Batch:
        parts.append(len(records))
        if len(parts) == failing + 1:
            backend.fail(Aborted("told-to", "by the test"))
        return echo("out")(records)

    backend.drain(Loop(backend, handler, bounds=Bounds(bytes=10)))
    assert len(parts) > 4
    assert numbers(backend.published("out")) == list(range(20))


@pytest.mark.kafka
def test_all_that_was_in_hand_comes_again_when_a_part_of_it_is_aborted(real: KafkaPlace) -> None:
    real.put_many(200)
    spoilt: list[int] = []

    def handler(records: Sequence[Record]) -> Batch:
        batch = echo(real.name("out"))(records)
        spoilt.append(1)
        # The second part of the first batch: its partition may be another one than the later parts'.
        return Batch([*batch.outputs, *real.spoil()]) if len(spoilt) == 2 else batch

    seen = Seen(200)
    seen.loop = loop = Loop(real.backend(), handler, observer=seen, bounds=Bounds(bytes=60))
    loop.run()
    assert seen.aborts
    assert numbers(real.published("out", 200)) == list(range(200))


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_a_loop_outlives_a_broker_that_was_away_for_longer_than_a_transaction_may_last(kafka: str) -> None:
    with LocalKafka() as broker, KafkaPlace(broker.bootstrap_servers) as place:
        place.put_many(500)
        outages: list[int] = []

        def handler(records: Sequence[Record]) -> Batch:
            if not outages:
                outages.append(1)
                broker.stop()
                broker.start()
            return echo(place.name("out"))(records)

        seen = Seen(500)
        seen.loop = loop = Loop(place.backend(), handler, observer=seen)
        loop.run()
        place.put_many(500, first=500)
        assert numbers(place.published("out", 500)) == list(range(500))


@pytest.mark.kafka
@pytest.mark.parametrize("call", ["send_offsets_to_transaction", "commit_transaction"])
@pytest.mark.parametrize("done", [True, False])
def test_a_call_that_never_returns_costs_new_producers_and_no_partition(
    real: KafkaPlace, monkeypatch: pytest.MonkeyPatch, call: str, done: bool
) -> None:
    """Where the broker did what was asked, and nobody is told, too."""
    real.put_many(1000)
    never, hung = threading.Event(), threading.Event()

    class Hangs(Producer):
        pass

    def hangs(self: Producer, *arguments: object) -> None:
        if hung.is_set() or not seen.records:
            return getattr(Producer, call)(self, *arguments)
        hung.set()
        if done:
            getattr(Producer, call)(self, *arguments)
        never.wait()

    setattr(Hangs, call, hangs)
    monkeypatch.setattr(transactions, "Producer", Hangs)
    seen = Seen(1000)
    seen.loop = loop = Loop(real.backend(), echo(real.name("out")), bounds=Bounds(100), observer=seen)
    try:
        loop.run()
        assert hung.is_set()
        assert seen.renewals == ["hung"]
        assert seen.changes.count("assigned") == 1
        assert seen.aborts == ([] if done and call == "commit_transaction" else ["hung"])
        assert numbers(seen.records) == list(range(1000))
        assert numbers(real.published("out", 1000)) == list(range(1000))
    finally:
        never.set()


@pytest.mark.kafka
@pytest.mark.timeout(180)
def test_who_leaves_a_group_while_its_coordinator_is_away_leaves_no_member_behind(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next coordinator would wait for its session to end before it gave anybody a partition."""
    monkeypatch.setattr(source, "COORDINATOR_SECONDS", 60.0)
    with LocalKafka() as broker, KafkaPlace(broker.bootstrap_servers) as place:
        place.put_many(10)
        long_remembered = {"client": {"session.timeout.ms": "120000"}}
        member = source.GroupSource(place.settings.model_copy(update=long_remembered), [place.name("in")])
        member.open(Observer())
        member.join()
        while not member.read(10, 1.0):
            pass
        assert members(place) == 1
        broker.kill()
        leaving = threading.Thread(target=member.close)
        leaving.start()
        broker.start()
        leaving.join()
        assert members(place) == 0


def test_a_coordinator_that_is_not_found_soon_is_looked_for_by_new_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "COORDINATOR_SECONDS", 0.1)
    member = source.GroupSource(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}"), ["in"])
    member.open(Observer())
    with pytest.raises(LoopFailed) as failed:
        member.await_coordinator()
    assert failed.value.passing
    member.close()


def test_an_error_that_one_partition_has_is_not_taken_for_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsettled:
        def committed(self, places: Sequence[TopicPartition], _: float) -> list[SimpleNamespace]:
            error = KafkaError(KafkaError.UNSTABLE_OFFSET_COMMIT)
            return [SimpleNamespace(topic=each.topic, partition=each.partition, error=error) for each in places]

    monkeypatch.setattr(source.GroupSource, "_opened", lambda _: Unsettled())
    assert source.GroupSource(KafkaSettings(), ["in"]).committed([("in", 0)], 2) is None


@pytest.mark.kafka
@pytest.mark.parametrize("told", [True, False])
def test_settling_what_a_forgotten_transaction_holds_publishes_nothing_and_moves_no_offset(
    real: KafkaPlace, told: bool
) -> None:
    """Such a transaction cannot be made to order: the broker has to lose a marker. `bench.chaos` and the tests of a
    broker that is stopped meet one now and then."""
    real.put_many(100)
    drive(real.backend(), echo(real.name("out")), 100)
    settling = Transactions(real.settings)
    settling.open(Observer())
    with Consumer({"bootstrap.servers": real.settings.bootstrap_servers, "group.id": real.settings.group_id}) as member:
        outputs = [(real.name("out"), partition) for partition in range(PARTITIONS)]
        inputs = [(real.name("in"), partition) for partition in range(PARTITIONS)]
        assert settling.settle(inputs, outputs, member.consumer_group_metadata(), lambda: told) == told
        settling.close()
        places = [TopicPartition(*partition) for partition in inputs]
        committed = [place.offset for place in member.committed(places, 10)]
    assert sum(committed) == 100
    assert numbers(real.published("out", 100)) == list(range(100))


@pytest.mark.kafka
@pytest.mark.parametrize("told", [True, False])
def test_who_is_given_a_partition_from_which_its_client_never_fetches_tries_new_clients(
    real: KafkaPlace, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a transaction holds its offsets, for which the client waits without a word. `told`: as if nothing did."""
    monkeypatch.setattr(source, "SILENT_SECONDS", 0.5)
    if told:
        monkeypatch.setattr(source.GroupSource, "committed", lambda _, places, tries: dict.fromkeys(places, Place(0)))
    real.put_many(100)
    broker, group = {"bootstrap.servers": real.settings.bootstrap_servers}, real.settings.group_id
    held = [TopicPartition(real.name("in"), partition, 0) for partition in range(PARTITIONS)]
    holder = Producer({**broker, "transactional.id": f"holds-{group}"})
    holder.init_transactions(10)
    holder.begin_transaction()
    with Consumer({**broker, "group.id": group}) as nobody:
        holder.send_offsets_to_transaction(held, nobody.consumer_group_metadata(), 10)

    class Ends(Seen):
        def reopened(self, reason: str) -> None:
            self.reasons.append(reason)
            holder.abort_transaction(10)

    seen = Ends(100)
    seen.loop = Loop(real.backend(), echo(real.name("out")), bounds=Bounds(100), observer=seen)
    timer = threading.Timer(SECONDS, seen.loop.stop)
    timer.start()
    seen.loop.run()
    timer.cancel()
    assert seen.reasons == ["silent"]
    assert numbers(seen.records) == list(range(100))
