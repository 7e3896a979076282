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
from bench.load import Listener, Load, ends, put
from bench.passing import passing
from transport.local_kafka import LocalKafka
from transport.settings import KafkaSettings
from transport.topics import TopicSpec

RETENTION: Final = {"log.retention.check.interval.ms": "10000"}
"""Topics that keep only their newest are cut while the bench runs, so that it needs a few GB and not tens."""

WARM_TRANSACTIONS: Final = 30_000
"""Until a broker has compiled what a transaction takes: its compiler has a core of two, time and again. Of one worker
that passes on 100 a second, p99 was 22 to 26 ms on cold brokers, 7 to 21 after 15,000, 7 and 8 after 30,000 and 40,000.
"""

WARM_UP: Final = ("bench-warm-up", "bench-warm-up-out")
"""Topics from and to which they pass records on."""


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
        own = [*topics, *(TopicSpec(name, 4) for name in WARM_UP)]
        with LocalKafka(topics=own, brokers=brokers, config=RETENTION) as cluster:
            promote(cluster.settings(), signed)
            yield Ground(cluster.settings(), folder / "keys", load, min(brokers, 3), fitted.source)


def warm_up(base: Ground, console: Console) -> None:
    """Let the broker do what it will be measured at until it is no faster any more, as one that runs for weeks is not.

    Takes about two minutes. Raises `RuntimeError` when not all was passed on.
    """
    console.print(f"Warming the broker up: {WARM_TRANSACTIONS:,} transactions …")
    source, target = WARM_UP
    one_each = base.kafka.model_copy(update={"max_batch": 1})
    with Listener(base.kafka, ends(base.kafka, [target])) as listener, passing(one_each, source, target) as worker:
        worker.wait()
        put(base.kafka, source, map(base.load.message, range(WARM_TRANSACTIONS)))
        if not listener.heard(0, WARM_TRANSACTIONS).arrived.all():
            raise RuntimeError("the broker could not be warmed up: not all that was filed was passed on")
