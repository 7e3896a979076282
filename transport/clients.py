"""What all of librdkafka's clients share here: where their log goes, and how a message is handed over."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Producer

from transport.records import Outgoing

REPEAT_SECONDS: Final = 60.0
"""How often the same line is said. A broker that is away is tried again each second, by every client of a process."""

VARYING: Final = re.compile(r"\[\S+#\S+\] |\d+ ?ms|, \d+ identical error\(s\) suppressed")
"""What differs in lines that say the same: the client, times, and how often librdkafka has held it back itself."""

MOST_LINES: Final = 200
"""Different lines that are remembered; then it begins anew."""


class Repeats(logging.Filter):
    """Holds back lines that were said already, and tells with the next one how many there were.

    `timer`: seconds on a steady clock. Any thread may log.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS, timer: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be said now."""
        text = record.getMessage().rstrip()
        line, now = VARYING.sub("", text), self._timer()
        with self._lock:
            said, held = self._said.get(line, (-math.inf, 0))
            if now - said < self._seconds:
                self._said[line] = said, held + 1
                return False
            if len(self._said) >= MOST_LINES:
                self._said.clear()
            self._said[line] = now, 0
        record.msg, record.args = f"{text} (and {held} more since)" if held else text, ()
        return True


LOGGER: Final = logging.getLogger("transport.librdkafka")
LOGGER.addFilter(Repeats())


def never() -> bool:
    """Of what is never so."""
    return False


def produce(producer: Producer, message: Outgoing, given_up: Callable[[], bool] = never) -> None:
    """Queue a message; when the queue is full, serve it until there is room.

    Raises `KafkaException`, and `BufferError` where there is no room and it is `given_up`.
    """
    topic, key, value, headers = message
    while True:
        try:
            return producer.produce(topic, value, key, headers=list(headers))
        except BufferError:
            if given_up():
                raise
            producer.poll(0.1)
