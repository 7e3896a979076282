"""A process that takes records from a broker into a dataset, twenty at a time, until it is killed or all are there.

Arguments: bootstrap servers, dataset folder. Says `taken N` after each batch, `all` when it has caught up.
"""

import sys
from datetime import UTC, datetime

from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import missed
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings


def main(servers: str, folder: str) -> None:
    kafka = KafkaSettings(bootstrap_servers=servers, delivery="at-least-once", embedded=True)
    with Sender(kafka) as sender:
        intake = Intake(Dataset(folder), sender, AuditDraw(b"key", 0.1), lambda: datetime.now(UTC))
        starts = intake.starts()
        with Reader(kafka, ["crime-reports", "solved-cases", "priorities"], start=starts) as reader:
            missed(reader, starts)
            while not reader.caught_up:
                if records := reader.read(20, 1.0):
                    intake.take(records)
                    print("taken", len(records), flush=True)
    print("all", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
