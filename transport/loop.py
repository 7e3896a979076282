"""The loop: read a batch, hand it to a pure handler, publish what it made, exactly once where the broker can."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from transport.backend import Backend
from transport.bounds import ORDINARY, Bounds, Pace
from transport.errors import Aborted, LoopFailed, StopWorker, TooLarge, where
from transport.observer import Observer
from transport.records import Batch, DeadLetter, Record, next_offsets

Handler = Callable[[Sequence[Record]], Batch]

IDLE_SECONDS: Final = 0.2
"""Longest wait for a record. Python runs signal handlers and `between_batches` at least this often."""

MOST_ABORTS: Final = 10
"""Aborts in a row, with growing pauses of up to a second, after which the loop gives up."""

HANDLER_ERROR: Final = "handler-error"
"""Dead-letter reason: the handler fails on this one record."""


def _nothing() -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)


class Loop:
    """Reads, handles and publishes until it is stopped.

    `handler` gets records within `bounds`, in order within each partition but for a long backlog (see
    `transport.ahead`), and returns outputs and dead letters. It may get the same records again, after an abort or while
    the one that it fails on is looked for, so it has no side effects; what came before them is published by then. When
    it raises, halves of the batch are tried, and the single record that it fails on becomes a dead letter
    `HANDLER_ERROR`; only `StopWorker` ends the loop.

    `between_batches` is called before each batch and at least every `IDLE_SECONDS`: the place to swap a model.
    """

    def __init__(
        self,
        backend: Backend,
        handler: Handler,
        *,
        bounds: Bounds = ORDINARY,
        between_batches: Callable[[], None] = _nothing,
        observer: Observer | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._backend = backend
        self._handler = handler
        self._bounds = bounds
        self._pace = Pace(bounds)
        self._between_batches = between_batches
        self._observer = observer or Observer()
        self._clock = clock
        self._stopping = False
        self._aborts = 0

    def stop(self) -> None:
        """End after the batch in hand. Safe from any thread and from a signal handler."""
        self._stopping = True

    def leave(self) -> None:
        """Give what is read to others at once; for a `Watchdog`, on another thread."""
        self._backend.leave()

    def run(self) -> None:
        """Work until `stop`; raises `LoopFailed` or a handler's `StopWorker`; the broker is left clean either way.

        What passes, such as a broker that was away for longer than a transaction may last, ends in new clients and not
        in an error; only the first opening has to succeed.
        """
        opened, reason = False, ""
        while not self._stopping:
            try:
                self._backend.open(self._observer)
                if opened:
                    self._observer.reopened(reason)
                opened = True
                self._serve()
            except LoopFailed as failed:
                if not (failed.passing and opened):
                    raise
                reason = failed.reason
                self._observer.problem(str(failed))
            finally:
                self._backend.close()

    def _serve(self) -> None:
        while not self._stopping:
            self._between_batches()
            records = self._backend.read(self._pace.most, IDLE_SECONDS)
            if records:
                self._work(records)

    def _work(self, records: Sequence[Record]) -> None:
        since = time.perf_counter()
        try:
            for part in self._bounds.within(records):
                self._publish(part, since)
        except Aborted as aborted:
            self._observer.aborted(aborted.reason)
            self._aborts += 1
            if self._aborts > MOST_ABORTS:
                raise LoopFailed("aborts", f"{self._aborts} aborts in a row; the last: {aborted}") from aborted
            time.sleep(min(0.01 * 2**self._aborts, 1.0))
        finally:  # of a batch that took too long for its transaction, too: the same again would fail again
            self._pace.took(len(records), time.perf_counter() - since)

    def _publish(self, records: Sequence[Record], since: float) -> None:
        try:
            batch = self._handler(records)
        except StopWorker:
            raise
        except Exception as error:
            if len(records) > 1:
                return self._publish_halves(records, since)
            batch = Batch(dead_letters=[DeadLetter(records[0], HANDLER_ERROR, where(error))])
        try:
            self._send(records, batch, since)
        except TooLarge as error:
            if len(records) > 1:
                return self._publish_halves(records, since)
            self._send_less(records[0], batch, since, error)

    def _publish_halves(self, records: Sequence[Record], since: float) -> None:
        middle = len(records) // 2
        self._publish(records[:middle], since)
        self._publish(records[middle:], since)

    def _send(self, records: Sequence[Record], batch: Batch, since: float, *, bare: bool = False) -> None:
        now = self._clock()
        letters = [letter.outgoing(now, bare=bare) for letter in batch.dead_letters]
        self._backend.publish([*batch.outputs, *letters], next_offsets(records))
        self._aborts = 0  # this part is published, whatever becomes of the next
        self._observer.committed(records, batch, time.perf_counter() - since)

    def _send_less(self, record: Record, batch: Batch, since: float, error: TooLarge) -> None:
        for smaller, bare in _smaller(record, batch, error.detail):
            try:
                return self._send([record], smaller, since, bare=bare)
            except TooLarge:
                continue
        place = f"{record.topic}/{record.partition}/{record.offset}"
        raise LoopFailed("too-large", f"not even the bare dead letter of {place} is taken: {error.detail}")


def _smaller(record: Record, batch: Batch, detail: str) -> Iterator[tuple[Batch, bool]]:
    """What to send for a record whose messages are too large: the outputs rather than a whole dead letter."""
    if batch.dead_letters:
        yield batch, True
    letter = Batch(dead_letters=[DeadLetter(record, "too-large", detail)])
    yield letter, False
    yield letter, True
