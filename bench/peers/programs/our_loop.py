"""Ours with the trivial score in place of the scorer: the loop of `transport`, exactly once or at least once.

It alone of the programs runs in this project's own environment. Options: delivery.
"""

# mypy: ignore-errors
# It runs in an environment of its own, beside trivial.py: its imports are not to be found from here.

import gc
import json
from collections.abc import Sequence

from trivial import end_with_parent, score, settings

from transport.kafka import kafka_backend
from transport.loop import Loop
from transport.records import Batch, Outgoing, Record
from transport.settings import KafkaSettings


def main() -> None:
    """Run until standard input closes."""
    given = settings()
    kafka = KafkaSettings(
        bootstrap_servers=given["bootstrap"], group_id=given["group"], delivery=given["options"]["delivery"]
    )

    def handle(records: Sequence[Record]) -> Batch:
        bodies = [json.dumps(score(json.loads(each.value or b""))).encode() for each in records]
        return Batch([Outgoing(given["sink"], each.key, body) for each, body in zip(records, bodies, strict=True)])

    loop = Loop(kafka_backend(kafka, [given["source"]], [given["sink"]]), handle, bounds=kafka.bounds)
    end_with_parent(loop.stop)
    gc.collect()
    gc.freeze()  # as the scorer does
    loop.run()


if __name__ == "__main__":
    main()
