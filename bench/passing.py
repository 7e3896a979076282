"""A worker that only passes records on: what the loop takes by itself. `python -m bench.passing FROM TO`.

It runs the same loop with the same settings as the scorer, read from SEVERITY_KAFKA__*, with a handler that gives back
each record as it is. The scorer's figures are set against its.
"""

import gc
import json
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bench.worker import Worker
from telemetry.ending import end_with_parent
from transport.kafka import kafka_backend
from transport.loop import Loop
from transport.observer import Observer, Rebalance
from transport.records import Batch, Outgoing, Partition, Record
from transport.settings import KafkaSettings


class SaysReady(Observer):
    """Says so at the first assignment of partitions, and what goes wrong."""

    def __init__(self) -> None:
        self._said = False

    def rebalanced(self, change: Rebalance, partitions: Sequence[Partition]) -> None:
        """Partitions came."""
        if change == "assigned" and not self._said:
            self._said = True
            print(json.dumps({"event": "ready", "service": "passing"}), file=sys.stderr, flush=True)

    def aborted(self, reason: str) -> None:
        """A batch is read again."""
        print(f"aborted: {reason}", file=sys.stderr)

    def problem(self, detail: str) -> None:
        """The client deals with it."""
        print(detail, file=sys.stderr)


def passing(kafka: KafkaSettings, source: str, target: str) -> Worker:
    """The worker as a process, being started."""
    return Worker(["-m", "bench.passing", source, target], kafka, {})


def main(source: str, target: str, with_parent: Annotated[bool, typer.Option("--with-parent")] = False) -> None:
    """Pass every record of `source` on to `target` until SIGTERM."""
    settings = KafkaSettings().for_group(f"passing-{source}")

    def handle(records: Sequence[Record]) -> Batch:
        return Batch([Outgoing(target, record.key, record.value, record.headers) for record in records])

    loop = Loop(kafka_backend(settings, [source], [target]), handle, bounds=settings.bounds, observer=SaysReady())
    if with_parent:
        end_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    gc.freeze()
    gc.disable()  # the best that it can be
    loop.run()


if __name__ == "__main__":
    typer.run(main)
