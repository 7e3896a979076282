"""Promise: whenever the trainer is killed, every record is in the dataset once, and no dead letter is missing.

On the embedded broker, as real processes that are killed (SIGKILL) in the middle of their work.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.trainer.events import START, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.audits.draw import drawn as is_drawn
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import WrongBroker, missed
from transport.embedded import EmbeddedBroker
from transport.reader import Reader
from transport.sender import Sender

CASES = 900
KILLS = 10
TOPICS = {"crime-reports": 2, "solved-cases": 2, "priorities": 2, "solved-cases.dlq": 1, "audit-requests": 1}


@pytest.fixture
def broker() -> EmbeddedBroker:
    with EmbeddedBroker(TOPICS) as started:
        with Sender(started.settings()) as sender:
            for n in range(CASES):
                for record in records([report(n)]) + records([priority(n)]) + records([outcome(n)]):
                    sender.send(record.topic, record.key, record.value, record.headers)
                if n % 50 == 0:
                    sender.send("solved-cases", b"riverton/broken", b"?")
        yield started


def take(broker: EmbeddedBroker, folder: Path, batches: int | None) -> str:
    """Run the process until it has said so many lines and kill it, or with None until it ends; its last line."""
    command = [sys.executable, "-m", "tests.trainer.intake_process", broker.bootstrap_servers, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = []
        for place, line in enumerate(process.stdout, start=1):
            said.append(line.strip())
            if batches is not None and place >= batches:
                time.sleep(random.uniform(0, 0.015))  # anywhere within the next batch
                process.kill()
                break
    return said[-1]


def stored(dataset: Dataset, table: str) -> Counter[str]:
    return Counter(dataset.query(f"SELECT report_id FROM {table}")["report_id"].to_pylist())


def all_of(broker: EmbeddedBroker, topic: str) -> list:
    found = []
    with Reader(broker.settings(), [topic]) as reader:
        while not reader.caught_up:
            found += reader.read(1000, 1.0)
    return found


def test_no_row_is_lost_or_doubled_when_the_trainer_is_killed_again_and_again(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    for _ in range(KILLS):
        assert take(broker, tmp_path, batches=random.randint(1, 4)) != "all"
    assert take(broker, tmp_path, batches=None) == "all"
    dataset = Dataset(tmp_path)
    for table in ("reports", "priorities", "outcomes"):
        assert stored(dataset, table) == {f"r{n}": 1 for n in range(CASES)}
    letters = [dict(letter.headers) for letter in all_of(broker, "solved-cases.dlq")]
    places = {(one["severity.error.partition"], one["severity.error.offset"]) for one in letters}
    assert len(places) == CASES // 50
    drawn = {record.key for record in all_of(broker, "audit-requests")}
    assert drawn == {f"riverton/r{n}".encode() for n in range(CASES) if is_drawn(b"key", "riverton", f"r{n}", 0.1)}


def test_a_dataset_of_another_broker_is_refused(broker: EmbeddedBroker, tmp_path: Path) -> None:
    take(broker, tmp_path, batches=None)
    with EmbeddedBroker(TOPICS) as other, Sender(other.settings()) as sender:
        intake = Intake(Dataset(tmp_path), sender, AuditDraw(b"key", 0.1), lambda: START)
        with Reader(other.settings(), list(TOPICS)[:3], start=intake.starts()) as reader, pytest.raises(WrongBroker):
            missed(reader, intake.starts())
