"""What the loop promises on every backend; each backend says which promises it can show."""

import threading
from collections.abc import Sequence

import pytest

from tests.transport.driving import Seen, drive, echo
from tests.transport.places import LARGEST, Place
from transport.errors import StopWorker
from transport.loop import Loop
from transport.records import Batch, DeadLetter, Outgoing, Record


def headers_of(record: Record) -> dict[str, bytes]:
    return dict(record.headers)


def test_every_record_is_published_once_and_in_order_within_its_key(place: Place) -> None:
    for number in range(300):
        place.put(b"key-%d" % (number % 7), b"%d" % number)
    drive(place.backend(), echo(place.name("out")), 300)
    out = place.published("out", 300)
    assert sorted(int(record.value or b"") for record in out) == list(range(300))
    for key in {record.key for record in out}:
        values = [int(record.value or b"") for record in out if record.key == key]
        assert values == sorted(values)


def test_key_value_and_headers_arrive_as_they_were_sent(place: Place) -> None:
    place.put(b"a", b"\x00\xff", [("ce_id", b"1"), ("ce_id", b"2")])
    place.put(None, b"no key")
    place.put(b"a tombstone", None)
    seen = drive(place.backend(), echo(place.name("out")), 3)
    arrived = {(record.key, record.value, record.headers) for record in seen.records}
    assert arrived == {
        (b"a", b"\x00\xff", (("ce_id", b"1"), ("ce_id", b"2"))),
        (None, b"no key", ()),
        (b"a tombstone", None, ()),
    }
    assert {(record.key, record.value, record.headers) for record in place.published("out", 3)} == arrived


def test_a_worker_that_stops_and_starts_again_goes_on_where_it_was(place: Place) -> None:
    for number in range(20):
        place.put(b"%d" % number, b"first")
    first = drive(place.backend(), echo(place.name("out")), 20)
    for number in range(20):
        place.put(b"%d" % number, b"second")
    second = drive(place.backend(), echo(place.name("out")), 20)
    assert {record.value for record in first.records} == {b"first"}
    assert {record.value for record in second.records} == {b"second"}
    assert len(place.published("out", 40)) == 40


def test_no_batch_is_larger_than_asked_for(place: Place) -> None:
    for number in range(60):
        place.put(b"%d" % number, b"x")
    seen = drive(place.backend(), echo(place.name("out")), 60, max_batch=7)
    assert max(seen.sizes) <= 7
    assert sum(seen.sizes) == 60


def test_the_one_record_that_a_handler_fails_on_becomes_a_dead_letter_and_the_rest_go_on(place: Place) -> None:
    def handler(records: Sequence[Record]) -> Batch:
        for record in records:
            if record.value == b"13":
                raise ValueError("the secret that a report holds")
        return echo(place.name("out"))(records)

    for number in range(40):
        place.put(b"%d" % number, b"%d" % number, [("ce_id", b"%d" % number)])
    seen = drive(place.backend(), handler, 40)
    out = place.published("out", 39)
    assert sorted(int(record.value or b"") for record in out) == [n for n in range(40) if n != 13]
    (letter,) = place.published("in.dlq", 1)
    assert (letter.key, letter.value) == (b"13", b"13")
    headers = headers_of(letter)
    assert headers["ce_id"] == b"13"
    assert headers["severity.error.reason"] == b"handler-error"
    assert headers["severity.error.detail"].startswith(b"ValueError")
    assert headers["severity.error.topic"] == place.name("in").encode()
    original = next(record for record in seen.records if record.value == b"13")
    assert headers["severity.error.partition"] == b"%d" % original.partition
    assert headers["severity.error.offset"] == b"%d" % original.offset
    assert not any(b"secret" in content for content in headers.values())
    assert seen.reasons == ["handler-error"]


def test_dead_letters_that_a_handler_returns_go_out_beside_its_outputs(place: Place) -> None:
    def handler(records: Sequence[Record]) -> Batch:
        good = [record for record in records if record.value != b"bad"]
        bad = [DeadLetter(record, "not-json", "no brace") for record in records if record.value == b"bad"]
        return Batch(echo(place.name("out"))(good).outputs, bad)

    for value in (b"good", b"bad", b"good"):
        place.put(b"key", value)
    drive(place.backend(), handler, 3)
    assert len(place.published("out", 2)) == 2
    (letter,) = place.published("in.dlq", 1)
    assert headers_of(letter)["severity.error.reason"] == b"not-json"


def test_an_output_that_is_too_large_makes_a_dead_letter_and_no_loop(place: Place) -> None:
    def handler(records: Sequence[Record]) -> Batch:
        return Batch([Outgoing(place.name("out"), each.key, (each.value or b"") * 2) for each in records])

    for number in range(10):
        place.put(b"%d" % number, b"x" * (LARGEST * 3 // 4 if number == 4 else 10))
    seen = drive(place.backend(), handler, 10)
    assert {record.key for record in place.published("out", 9)} >= {b"%d" % n for n in range(10) if n != 4}
    (letter,) = place.published("in.dlq", 1)
    assert (letter.key, len(letter.value or b"")) == (b"4", LARGEST * 3 // 4)
    assert headers_of(letter)["severity.error.reason"] == b"too-large"
    assert seen.reasons == ["too-large"]


def test_a_dead_letter_that_is_itself_too_large_goes_out_bare_and_its_outputs_with_it(place: Place) -> None:
    def handler(records: Sequence[Record]) -> Batch:
        large = [record for record in records if len(record.value or b"") > 10]
        outputs = [Outgoing(place.name("out"), record.key, b"triage") for record in records]
        return Batch(outputs, [DeadLetter(record, "not-json", "x" * 2000) for record in large])

    place.put(b"small", b"x")
    place.put(b"large", b"x" * (LARGEST - 500))
    drive(place.backend(), handler, 2)
    assert {record.key for record in place.published("out", 2)} == {b"small", b"large"}
    (letter,) = place.published("in.dlq", 1)
    assert (letter.key, letter.value) == (b"large", None)
    headers = headers_of(letter)
    assert headers["severity.error.reason"] == b"not-json"
    assert b"99500 bytes" in headers["severity.error.left_out"]


def test_a_fault_of_our_own_stops_the_worker_and_blames_no_record(place: Place) -> None:
    def broken(records: Sequence[Record]) -> Batch:
        raise StopWorker("no-policy", "there is none")

    place.put(b"key", b"value")
    with pytest.raises(StopWorker, match="no-policy"):
        drive(place.backend(), broken, 1)
    drive(place.backend(), echo(place.name("out")), 1)
    assert [record.value for record in place.published("out", 1)] == [b"value"]
    assert place.published("in.dlq", 0) == []


def test_an_idle_loop_keeps_its_appointments_and_ends_when_it_is_told(place: Place) -> None:
    times: list[int] = []
    enough = threading.Event()

    def between() -> None:
        times.append(1)
        if len(times) == 3:
            enough.set()

    loop = Loop(place.backend(), echo(place.name("out")), between_batches=between)
    thread = threading.Thread(target=loop.run)
    thread.start()
    assert enough.wait(20)
    loop.stop()
    thread.join(20)
    assert not thread.is_alive()


def test_a_batch_that_is_aborted_is_seen_by_nobody_and_comes_again(place: Place) -> None:
    if not place.exactly_once:
        pytest.skip("the embedded broker has no transactions: it shows what was aborted")
    attempts: list[int] = []

    def handler(records: Sequence[Record]) -> Batch:
        attempts.append(len(records))
        outputs = [Outgoing(place.name("out"), each.key, b"attempt %d" % len(attempts)) for each in records]
        if len(attempts) == 1:
            outputs += place.spoil()
        return Batch(outputs)

    for number in range(10):
        place.put(b"%d" % number, b"x")
    seen = drive(place.backend(), handler, 10)
    assert len(seen.aborts) == 1
    out = place.published("out", 10)
    assert sorted(record.key or b"" for record in out) == [b"%d" % number for number in range(10)]
    assert b"attempt 1" not in {record.value for record in out}


def test_the_loop_tells_which_partitions_came_and_went(place: Place) -> None:
    place.put(b"key", b"value")
    seen: Seen = drive(place.backend(), echo(place.name("out")), 1)
    assert seen.changes[0] == "assigned"
