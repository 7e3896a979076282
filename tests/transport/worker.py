"""A worker as a process, for tests that kill it: `python -m tests.transport.worker SETTINGS_JSON IN OUT [PACE]`.

Its handler waits PACE seconds a batch, so that a kill finds it in the middle of one. Prints `ready` when it has its
partitions and `batch` for every batch that it begins.
"""

import signal
import sys
import time
from collections.abc import Sequence

from transport.kafka import kafka_backend
from transport.loop import Loop
from transport.observer import Observer, Rebalance
from transport.records import Batch, Outgoing, Partition, Record
from transport.settings import KafkaSettings


class Told(Observer):
    """Says on standard output when partitions came."""

    def rebalanced(self, change: Rebalance, partitions: Sequence[Partition]) -> None:
        if change == "assigned" and partitions:
            print("ready", flush=True)

    def aborted(self, reason: str) -> None:
        print(f"aborted {reason}", flush=True)


def main(settings_json: str, source: str, target: str, pace: str = "0") -> None:
    """Echo `source` to `target` until SIGTERM or Ctrl-C."""

    def handler(records: Sequence[Record]) -> Batch:
        print("batch", flush=True)
        time.sleep(float(pace))
        return Batch([Outgoing(target, record.key, record.value) for record in records])

    settings = KafkaSettings.model_validate_json(settings_json)
    loop = Loop(kafka_backend(settings, [source], [target]), handler, bounds=settings.bounds, observer=Told())
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    signal.signal(signal.SIGINT, lambda *_: loop.stop())
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
