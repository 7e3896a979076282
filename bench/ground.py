"""What the benches of speed stand on: a fitted model, signed and promoted, a Kafka of their own, and a load."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.deployed import fit, promote, releases
from bench.load import Load
from transport.local_kafka import LocalKafka
from transport.settings import KafkaSettings
from transport.topics import TopicSpec

RETENTION: Final = {"log.retention.check.interval.ms": "10000"}
"""Topics that keep only their newest are cut while the bench runs, so that it needs a few GB and not tens."""


@dataclass(frozen=True, slots=True)
class Ground:
    """`keys`: the trusted ones; `replication`: of further topics; `source`: what the load and the model are from."""

    kafka: KafkaSettings
    keys: Path
    load: Load
    replication: int
    source: str


@contextmanager
def ground(lapd: Path | None, topics: Sequence[TopicSpec], brokers: int, console: Console) -> Iterator[Ground]:
    """Ready to start scorers on. Raises `NoBroker` where no real Kafka can be had: there is no exactly once without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        console.print("Fitting the model …")
        fitted = fit(lapd)
        (signed,) = releases(fitted, folder, 1)
        load = Load.of(fitted.reports, datetime.now(UTC))
        console.print(f"Starting Kafka, {brokers} broker{'s' if brokers > 1 else ''} …")
        with LocalKafka(topics=topics, brokers=brokers, config=RETENTION) as cluster:
            promote(cluster.settings(), signed)
            yield Ground(cluster.settings(), folder / "keys", load, min(brokers, 3), fitted.source)
