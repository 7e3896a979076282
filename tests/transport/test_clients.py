"""What librdkafka's clients say again and again is said once, with a count."""

import logging

from transport.clients import Repeats


def said(repeats: Repeats, client: str, text: str) -> str | None:
    record = logging.LogRecord("transport.librdkafka", logging.ERROR, "", 0, "FAIL [%s] %s", (client, text), None)
    return record.getMessage() if repeats.filter(record) else None


def test_a_line_that_comes_again_is_said_once_a_minute_with_how_often_it_was_held_back() -> None:
    now = 0.0
    repeats = Repeats(60.0, lambda: now)
    away = "127.0.0.1:9092/bootstrap: Connect failed: Connection refused (after 0ms in state CONNECT)"
    again = "127.0.0.1:9092/bootstrap: Connect failed: Connection refused (after 12ms in state CONNECT{})"
    assert said(repeats, "scorer-0#producer-1", away) == f"FAIL [scorer-0#producer-1] {away}"
    for now in range(1, 60):
        assert said(repeats, "scorer-0#consumer-2", again.format(f", {now} identical error(s) suppressed")) is None
    now = 60.0
    told = said(repeats, "scorer-0#producer-1", again.format(""))
    assert told == f"FAIL [scorer-0#producer-1] {again.format('')} (and 59 more since)"
    assert said(repeats, "scorer-0#producer-1", away) is None


def test_another_broker_or_another_cause_is_said_at_once() -> None:
    repeats = Repeats(60.0, lambda: 0.0)
    lines = [
        "127.0.0.1:9092/1: Connect failed: Connection refused",
        "127.0.0.1:9093/2: Connect failed: Connection refused",
        "127.0.0.1:9092/1: Disconnected (after 100ms in state UP)",
    ]
    assert all(said(repeats, "scorer-0#producer-1", line) for line in lines)
    assert not any(said(repeats, "scorer-0#producer-1", line) for line in lines)
