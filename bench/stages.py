"""The scorer as deployed, with a stopwatch at its calls into Kafka: `python -m bench.stages`, started by the benches.

The time in the processor it measures by itself (`severity_stage_seconds_total`). What is added here from outside, once
a batch: consume, from asking for records until they are there; produce, handing the messages over; commit, from sending
the offsets to the acknowledgement. On SIGTERM it says a JSON line `stages`.
"""

import json
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from unittest.mock import patch

import typer
from confluent_kafka import Producer

from stream.service import run
from stream.settings import ScorerSettings
from telemetry.ending import end_with_parent
from transport.records import Record
from transport.source import GroupSource


@dataclass(slots=True)
class Stopwatch:
    """Seconds in each stage, over `records`; `wall`: from asking for the first until the last is committed."""

    records: int = 0
    batches: int = 0
    consume: float = 0.0
    produce: float = 0.0
    commit: float = 0.0
    wall: float = 0.0
    _first: float | None = None

    def read(self, began: float, records: int) -> None:
        """Records were read."""
        now = time.perf_counter()
        self._first = began if self._first is None else self._first
        self.records += records
        self.batches += 1
        self.consume += now - began

    def committed(self, began: float, produced: float) -> None:
        """A transaction that began and whose messages were handed over at these times is committed."""
        now = time.perf_counter()
        self.produce += produced - began
        self.commit += now - produced
        self.wall = now - (self._first or now)

    def event(self) -> dict[str, Any]:
        """What is said at the end."""
        seconds = {"consume": self.consume, "produce": self.produce, "commit": self.commit}
        return {"event": "stages", "records": self.records, "batches": self.batches, "wall": self.wall} | seconds


class TimedProducer(Producer):
    """Notes when its transaction begins, has its messages, and is committed."""

    def __init__(self, stopwatch: Stopwatch, properties: dict[str, Any]) -> None:
        super().__init__(properties)
        self._stopwatch = stopwatch
        self._began = 0.0
        self._produced: float | None = None

    def begin_transaction(self) -> None:
        """See `Producer`."""
        super().begin_transaction()
        self._began, self._produced = time.perf_counter(), None

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        """See `Producer`."""
        if self._produced is None:  # it may be tried again
            self._produced = time.perf_counter()
        super().send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments: Any) -> None:
        """See `Producer`."""
        super().commit_transaction(*arguments)
        if self._produced is not None:
            self._stopwatch.committed(self._began, self._produced)


def main(with_parent: Annotated[bool, typer.Option("--with-parent")] = False) -> None:
    """Run the scorer until SIGTERM, with a stopwatch. Settings: SEVERITY_SCORER__* and SEVERITY_KAFKA__*."""
    stopwatch = Stopwatch()
    read = GroupSource.read

    def timed_read(self: GroupSource, most: int, seconds: float) -> list[Record]:
        began = time.perf_counter()
        records = read(self, most, seconds)
        if records:
            stopwatch.read(began, len(records))
        return records

    if with_parent:
        end_with_parent()
    with (
        patch.object(GroupSource, "read", timed_read),
        patch("transport.transactions.Producer", partial(TimedProducer, stopwatch)),
    ):
        code = run(ScorerSettings())
    print(json.dumps(stopwatch.event()), file=sys.stderr, flush=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
