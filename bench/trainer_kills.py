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
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

import typer
from rich.console import Console

from bench.intake import SOURCE, START, happenings
from bench.worker import Worker
from cli.topics import topic_specs
from schemas import topics
from schemas.envelope import ContractError, decode, encode
from schemas.model_version import ModelVersion
from severity.artefact import verify
from severity.keys import TrustedKeys, load_trusted, new_pair
from severity.manifest import ArtefactRefused
from severity.store import location, open_store
from trainer.dataset import TABLES, Dataset
from trainer.intake import KINDS
from transport.local_kafka import LocalKafka
from transport.reader import Reader
from transport.records import Record
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

LOOK_SECONDS: Final = 0.02


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


class Watcher:
    """Verifies each release as soon as it can be seen; `broken` tells of those that were not whole."""

    def __init__(self, folder: Path, keys: TrustedKeys) -> None:
        self.seen: dict[str, int] = {}
        """Release number by digest."""
        self.broken: list[str] = []
        self._store = open_store(folder)
        self._keys = keys
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def look(self) -> None:
        """Verify what is new."""
        for digest in set(self._store.digests()) - self.seen.keys():
            self.seen[digest] = 0
            try:
                found = verify(
                    location(self._store, digest), self._keys, minimum_release=1, digest=digest, now=datetime.now(UTC)
                )
            except ArtefactRefused as refused:
                if digest in self._store.digests():  # else it was taken away meanwhile: somebody else's has its number
                    self.broken.append(str(refused))
            else:
                self.seen[digest] = found.manifest.release

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(slots=True)
class Verdict:
    """What was wrong in the end, and what happened."""

    kills: dict[str, int]
    ended_by_itself: int
    events: int
    lost: int = 0
    doubled: int = 0
    dead_letters_missing: int = 0
    half_written: list[str] = field(default_factory=list)
    announced_but_not_there: int = 0
    numbers_given_twice: int = 0
    releases: int = 0
    announced: int = 0
    trainings_written_down: int = 0
    next_run: str = ""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether all that was demanded holds."""
        wrong = (self.lost, self.doubled, self.dead_letters_missing, self.half_written)
        return not any((*wrong, self.announced_but_not_there, self.numbers_given_twice)) and self.next_run != ""


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
        expected = Counter((r.topic, r.partition, r.offset) for r in records if r.topic in TABLES and readable(r))
        wait(lambda: sum(dataset[table].count() for table in TABLES.values()) >= expected.total(), worker)
        worker.close()
        watcher.look()
        verdict = Verdict(dict(done), by_itself, filing.count, next_run=str(said.get("result", "")))
        compare(verdict, dataset, records, expected, watcher)
        verdict.seconds = round(time.perf_counter() - began)
        return verdict


def compare(
    verdict: Verdict,
    dataset: Dataset,
    records: list[Record],
    expected: Counter[tuple[str, int, int]],
    watcher: Watcher,
) -> None:
    """Put down what is wrong."""
    stored: Counter[tuple[str, int, int]] = Counter()
    for table in TABLES.values():
        for row in dataset[table].read('topic, partition, "offset"').to_pylist():
            stored[row["topic"], row["partition"], row["offset"]] += 1
    verdict.lost = len(expected.keys() - stored.keys())
    verdict.doubled = (stored - expected).total()
    broken = {(r.partition, r.offset) for r in records if r.topic == topics.SOLVED_CASES and not readable(r)}
    letters = {place(dict(r.headers)) for r in records if r.topic == topics.dead_letters(topics.SOLVED_CASES)}
    verdict.dead_letters_missing = len(broken - letters)
    versions = [version_of(record) for record in records if record.topic == topics.MODEL_VERSIONS]
    announced = {version.digest: version.release for version in versions}
    verdict.announced = len(announced)
    verdict.announced_but_not_there = len(announced.keys() - watcher.seen.keys())
    numbers = Counter(announced.values())
    verdict.numbers_given_twice = sum(count > 1 for count in numbers.values())
    verdict.half_written = watcher.broken
    verdict.releases = len(watcher.seen)
    verdict.trainings_written_down = dataset["trainings"].count()


def read(kafka: KafkaSettings, names: list[str]) -> list[Record]:
    """All that the topics hold."""
    found: list[Record] = []
    with Reader(kafka, names) as reader:
        while not reader.caught_up:
            found += reader.read(5000, 1.0)
    return found


def readable(record: Record) -> bool:
    """Whether intake must have stored it."""
    try:
        decode(KINDS[record.topic], record.key, record.value, record.headers)
    except ContractError:
        return False
    return True


def place(headers: Mapping[str, bytes | None]) -> tuple[int, int]:
    """Partition and offset that a dead letter names."""
    return int(headers["severity.error.partition"] or b""), int(headers["severity.error.offset"] or b"")


def version_of(record: Record) -> ModelVersion:
    """An announcement."""
    return decode(ModelVersion, record.key, record.value, record.headers)


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
