"""Reads the demo's topics into its tally, on a thread of its own, as a responder's program would."""

import threading
import time
from types import TracebackType
from typing import Final, Self

from cli.demo.tally import Tally
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, decode
from schemas.model_version import ModelVersion
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from transport.reader import Reader
from transport.records import Record
from transport.settings import KafkaSettings

TOPICS: Final = (
    topics.CRIME_REPORTS,
    topics.PRIORITIES,
    topics.PRIORITIES_EXERCISE,
    topics.SOLVED_CASES,
    topics.MODEL_VERSIONS,
    topics.dead_letters(topics.CRIME_REPORTS),
    topics.dead_letters(topics.SOLVED_CASES),
)


class Watch:
    """Feeds `tally`, holding `lock` while it changes. A context manager; `failure` is what stopped it, if anything."""

    def __init__(self, settings: KafkaSettings, tally: Tally) -> None:
        self.lock = threading.Lock()
        self.failure: Exception | None = None
        self._tally = tally
        self._reader = Reader(settings, TOPICS, start="end")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                records = self._reader.read(1000, 0.1)
                seen_ms = time.time() * 1000
                with self.lock:
                    for record in records:
                        self._take(record, seen_ms)
        except Exception as error:
            self.failure = error

    def _take(self, record: Record, seen_ms: float) -> None:
        parts = record.key, record.value, record.headers
        try:
            match record.topic:
                case topics.CRIME_REPORTS:
                    self._tally.report(decode(CrimeReport, *parts), record.timestamp_ms)
                case topics.PRIORITIES | topics.PRIORITIES_EXERCISE:
                    self._tally.priority(decode(Priority, *parts), seen_ms)
                case topics.SOLVED_CASES:
                    self._tally.outcome(decode(SolvedCase, *parts))
                case topics.MODEL_VERSIONS:
                    self._tally.version(decode(ModelVersion, *parts))
                case _:
                    self._tally.dead_lettered += 1
        except ContractError:
            # An unreadable report or outcome is counted where it matters: as a dead letter of the service that read it.
            return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        self._reader.close()
