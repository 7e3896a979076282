"""What is checked when a trainer was killed again and again: rows against records, and each release when it appears."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from schemas import topics
from schemas.envelope import ContractError, decode
from schemas.model_version import ModelVersion
from severity.artefact.keys import TrustedKeys
from severity.artefact.manifest import ArtefactRefused
from severity.artefact.reading import verify
from severity.artefact.store import location, open_store
from trainer.dataset.dataset import TABLES, Dataset
from trainer.dataset.intake import KINDS
from transport.reader import Reader
from transport.records import Record
from transport.settings import KafkaSettings

LOOK_SECONDS: Final = 0.02

Place = tuple[str, int, int]
"""Topic, partition, offset."""


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


def expected_of(records: Sequence[Record]) -> set[Place]:
    """Places of the records that intake must have stored, each once."""
    return {(r.topic, r.partition, r.offset) for r in records if r.topic in TABLES and readable(r)}


def compare(verdict: Verdict, dataset: Dataset, records: Sequence[Record], watcher: Watcher) -> None:
    """Put down what is wrong."""
    expected = expected_of(records)
    stored: Counter[Place] = Counter()
    for table in TABLES.values():
        for row in dataset[table].read('topic, partition, "offset"').to_pylist():
            stored[row["topic"], row["partition"], row["offset"]] += 1
    verdict.lost = len(expected - stored.keys())
    verdict.doubled = (stored - Counter(expected)).total()
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
