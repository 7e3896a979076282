"""Files reports at a steady rate on a thread of its own, for as long as it takes, and remembers what it filed."""

import threading
import time
from array import array
from types import TracebackType
from typing import Final, Self

from bench.checking import Sent, sent
from bench.load import Load
from schemas import topics
from schemas.envelope import Encoded
from transport.sender import Sender
from transport.settings import KafkaSettings

CORRECTED: Final = 20
"""Every so many reports, one of a second before is filed again with a higher revision."""

FLUSH_SECONDS: Final = 60.0
"""A broker may be on its way back when the filing ends."""


class Filing:
    """While entered: files `load`, `rate` reports a second, and some corrections between them.

    What it could not file, a broker having been away for too long, is told at its end.
    """

    def __init__(self, kafka: KafkaSettings, load: Load, rate: float, topic: str = topics.CRIME_REPORTS) -> None:
        self.sent: list[Sent] = []
        self.times = array("d")
        """When report 0, 1, … was filed, by `time.perf_counter()`; a correction has no place here."""
        self._kafka = kafka
        self._load = load
        self._rate = rate
        self._topic = topic
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="filing", daemon=True)

    def stop(self) -> None:
        """End; returns when all is acknowledged. Raises `NotDelivered` when something is not."""
        self._stopping.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._file()
        except Exception as error:  # told by `stop`, on the thread that can deal with it
            self._failure = error

    def _file(self) -> None:
        began, number, earlier = time.perf_counter(), 0, round(self._rate)
        sender = Sender(self._kafka)
        while not self._stopping.wait(max(0.0, began + number / self._rate - time.perf_counter())):
            self.times.append(time.perf_counter())
            self._send(sender, self._load.message(number))
            if number % CORRECTED == 0 and number >= earlier:
                self._send(sender, correction(self._load.message(number - earlier)))
            number += 1
        sender.flush(FLUSH_SECONDS)
        sender.close()

    def _send(self, sender: Sender, message: Encoded) -> None:
        self.sent.append(sent(message.key, message.value))
        sender.send(self._topic, *message)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()


def correction(message: Encoded) -> Encoded:
    """Revision 2 of a report, else the same."""
    key, value, headers = message
    renamed = [(name, content[:-1] + b"2" if name == "ce_id" else content) for name, content in headers]
    return Encoded(key, value.replace(b'"revision":1,', b'"revision":2,', 1), renamed)
