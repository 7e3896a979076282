"""The plain producer: everything arrives, and what does not is said."""

import math
import threading

import pytest

from tests.transport.places import LARGEST, EmbeddedPlace
from transport import sender as sender_module
from transport.errors import NotDelivered
from transport.sender import Sender
from transport.settings import KafkaSettings


def test_everything_arrives_and_is_counted_also_when_the_queue_is_smaller_than_what_is_sent() -> None:
    with EmbeddedPlace() as place:
        small = {**place.settings.client, "queue.buffering.max.messages": "10"}
        with Sender(place.settings.model_copy(update={"client": small})) as sender:
            for number in range(500):
                sender.send("in", b"%d" % number, b"x", [("ce_id", b"%d" % number)])
            sender.flush()
            assert sender.delivered == 500
        assert len(place.published("in", 500)) == 500


def test_a_message_that_is_too_large_is_refused_at_once() -> None:
    with (
        EmbeddedPlace() as place,
        Sender(place.settings) as sender,
        pytest.raises(NotDelivered, match="SIZE_TOO_LARGE"),
    ):
        sender.send("in", b"key", b"x" * (LARGEST + 1))


def test_what_a_broker_that_is_away_did_not_take_is_said_by_the_flush() -> None:
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1", client={"message.timeout.ms": "100"})
    sender = Sender(nobody)
    sender.send("in", b"key", b"value")
    with pytest.raises(NotDelivered, match="MSG_TIMED_OUT"):
        sender.flush()
    assert sender.delivered == 0


def test_a_flush_gives_up_after_its_time() -> None:
    sender = Sender(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    sender.send("in", b"key", b"value")
    with pytest.raises(NotDelivered, match="1 messages are not acknowledged"):
        sender.flush(0.2)


def test_once_the_process_is_to_end_nothing_waits_for_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "LAST_SECONDS", 0.3)
    stopping = threading.Event()
    one_waits = KafkaSettings(bootstrap_servers="127.0.0.1:1", client={"queue.buffering.max.messages": "1"})
    sender = Sender(one_waits, stopping.is_set)
    sender.send("in", b"key", b"value")
    threading.Timer(0.5, stopping.set).start()
    with pytest.raises(NotDelivered, match="queue-full: to in: 1 messages wait"):
        sender.send("in", b"key", b"for which there is no room")
    with pytest.raises(NotDelivered, match="1 messages are not acknowledged"):
        sender.flush(math.inf)
    assert sender.undelivered == 1
