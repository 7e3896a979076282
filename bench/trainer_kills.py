"""Is an outcome lost or doubled when the trainer dies? `python -m bench.trainer_kills --kills 50 [--json]`.

Starts a Kafka of its own, files the events of a simulated city at a steady rate, and runs `severity trainer` as
deployed, with trainings of few rows in quick succession. It is killed with SIGKILL again and again and started anew:
in turn while it starts, while it takes events in, while a training fits, and while the training's release is being
written and announced, at a random moment of each. A watcher looks at the folder of releases all the while and verifies
each one as soon as it is visible. At the end one more run must take in everything and finish a training.

What is checked, against a reading of all topics: each record that can be read has its row once, by topic, partition and
offset; each unreadable outcome its dead letter; each visible release verifies; each announced one is there, and no
number was given to two.
"""

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Self

import typer
from rich.console import Console

from bench.intake import SOURCE, START, happenings
from bench.trainer_checking import LOOK_SECONDS, Verdict, Watcher, compare, expected_of, read
from bench.worker import Worker
from cli.topics import topic_specs
from schemas import topics
from schemas.envelope import encode
from severity.artefact.keys import load_trusted, new_pair
from trainer.dataset.dataset import TABLES, Dataset
from transport.local_kafka import LocalKafka
from transport.sender import Sender
from transport.settings import KafkaSettings

PHASES: Final = ("starting", "taking in", "fitting", "publishing")
RELEASED: Final = ("promoted", "challenger")
"""Results of a training that gave a release."""

PATIENCE_SECONDS: Final = 240.0
"""Longest wait for a phase to come, and for the last run to finish."""

STARTING_SECONDS: Final = 6.0
TAKING_SECONDS: Final = 2.0
FITTING_SECONDS: Final = 8.0
PUBLISHING_SECONDS: Final = 0.6
"""Within which the kill comes after a phase began, drawn evenly."""

BROKEN: Final = 200
"""Every so many events an outcome that cannot be read."""


class Filing:
    """Files events at a steady rate until it is left."""

    def __init__(self, kafka: KafkaSettings, rate: float, seed: int) -> None:
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._file, args=(kafka, rate, seed), daemon=True)

    def _file(self, kafka: KafkaSettings, rate: float, seed: int) -> None:
        began = time.perf_counter()
        with Sender(kafka) as sender:
            for number, (topic, event) in enumerate(happenings(seed)):
                if self._stop.wait(max(0.0, began + number / rate - time.perf_counter())):
                    break
                sender.send(topic, *encode(event, source=SOURCE, time=START))
                if number % BROKEN == 0:
                    sender.send(topics.SOLVED_CASES, b"rivertown/broken", b"?")
                self.count += 1
            sender.flush()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def trainer(kafka: KafkaSettings, folder: Path) -> Worker:
    """The trainer as deployed, being started, with small trainings in quick succession."""
    settings = {
        "dataset": folder / "dataset",
        "artefacts": folder / "releases",
        "signing_key": folder / "keys" / "severity.private.pem",
        "metrics_port": 0,
        "batch_seconds": 0.2,
        "first_outcomes": 400,
        "every_outcomes": 20,
        "cool_down_minutes": 0,
        "window": 400,
        "keep_releases": 10_000,
    }
    environment = {f"SEVERITY_TRAINER__{name.upper()}": str(value) for name, value in settings.items()}
    return Worker(["-m", "cli.main", "trainer"], kafka, {**environment, "OMP_NUM_THREADS": "1"})


def reached(phase: str, worker: Worker) -> Callable[[], bool]:
    """Tells whether a trainer is in the phase."""

    def stage() -> str:
        return str(worker.events.get("training-stage", {}).get("stage", ""))

    return {
        "starting": lambda: True,
        "taking in": lambda: "ready" in worker.events,
        "fitting": lambda: stage().startswith("fitting"),
        "publishing": lambda: stage().startswith(("gate", "writing")) or "trained" in worker.events,
    }[phase]


def wait(enough: Callable[[], bool], worker: Worker) -> bool:
    """Until it is `enough`; False when the worker ends or patience does."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while not enough():
        if worker.process.poll() is not None or time.perf_counter() > deadline:
            return enough()
        time.sleep(LOOK_SECONDS)
    return True


def run(kills: int, rate: float, seed: int, console: Console) -> Verdict:
    """All of it, on a cluster of its own."""
    chance, began = random.Random(seed), time.perf_counter()
    spans = dict(zip(PHASES, (STARTING_SECONDS, TAKING_SECONDS, FITTING_SECONDS, PUBLISHING_SECONDS), strict=True))
    done: Counter[str] = Counter()
    by_itself = 0
    with tempfile.TemporaryDirectory() as name, LocalKafka(topics=topic_specs()) as cluster:
        folder, kafka = Path(name), cluster.settings()
        new_pair(folder / "keys")
        watcher = Watcher(folder / "releases", load_trusted(folder / "keys"))
        with watcher, Filing(kafka, rate, seed) as filing:
            for number in range(kills):
                phase = PHASES[number % len(PHASES)]
                worker = trainer(kafka, folder)
                if wait(reached(phase, worker), worker):
                    time.sleep(chance.uniform(0, spans[phase]))
                if worker.process.poll() is not None:
                    by_itself += 1
                    console.print(f"it ended by itself: {''.join([*worker.lines][-3:])}", markup=False)
                worker.kill()
                worker.close()
                done[phase] += 1
                console.print(f"{number + 1} of {kills}: killed while {phase}, {len(watcher.seen)} releases")
            worker = trainer(kafka, folder)
            finished = wait(
                lambda: worker.events.get("trained", {}).get("result") in ("promoted", "challenger"), worker
            )
            said = worker.events.get("trained", {}) if finished else {}
        dataset = Dataset(folder / "dataset")
        records = read(kafka, [*TABLES, topics.dead_letters(topics.SOLVED_CASES), topics.MODEL_VERSIONS])
        everything = len(expected_of(records))
        wait(lambda: sum(dataset[table].count() for table in TABLES.values()) >= everything, worker)
        worker.close()
        watcher.look()
        verdict = Verdict(dict(done), by_itself, filing.count, next_run=str(said.get("result", "")))
        compare(verdict, dataset, records, watcher)
        verdict.seconds = round(time.perf_counter() - began)
        return verdict


def main(
    kills: Annotated[int, typer.Option(help="How many times the trainer is killed.", min=0)] = 50,
    rate: Annotated[float, typer.Option(help="Events a second, of all kinds.")] = 200.0,
    seed: Annotated[int, typer.Option(help="Of the moments and of the city.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Kill the trainer and look for what was lost, doubled or half there; exit code 1 when anything was."""
    verdict = run(kills, rate, seed, Console(stderr=True))
    result: dict[str, Any] = {**asdict(verdict), "clean": verdict.clean}
    Console(stderr=True).print(result)
    if as_json:
        print(json.dumps(result))
    sys.exit(0 if verdict.clean else 1)


if __name__ == "__main__":
    typer.run(main)
