"""Promise of the checker: what a killed trainer lost, doubled or left half written is found."""

from pathlib import Path

import pytest

from bench.trainer_checking import Verdict, Watcher, compare
from severity.artefact.keys import load_trusted, new_pair
from tests.trainer.events import START, Outbox, outcome, priority, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.rows import OUTCOMES, columns, outcome_row
from transport.records import Record

ALL = [record for n in range(5) for event in (report(n), priority(n), outcome(n)) for record in records([event], n)]
BROKEN = Record("solved-cases", 0, 9, b"riverton/r9", b"?", (), 0)


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    new_pair(tmp_path / "keys")
    return Watcher(tmp_path / "releases", load_trusted(tmp_path / "keys"))


def judged(dataset: Dataset, taken: list[Record], watcher: Watcher, letters: list[Record]) -> Verdict:
    outbox = Outbox()
    intake = Intake(dataset, outbox, AuditDraw(b"key", 0), lambda: START)
    intake.take(taken)
    verdict = Verdict({}, 0, len(ALL))
    compare(verdict, dataset, [*ALL, BROKEN, *letters], watcher)
    return verdict


def letter(offset: int) -> Record:
    headers = (("severity.error.partition", b"0"), ("severity.error.offset", str(offset).encode()))
    return Record("solved-cases.dlq", 0, 0, None, b"?", headers, 0)


def test_nothing_is_found_where_all_is_there_once(tmp_path: Path, watcher: Watcher) -> None:
    found = judged(Dataset(tmp_path / "dataset"), ALL, watcher, [letter(9)])
    assert (found.lost, found.doubled, found.dead_letters_missing) == (0, 0, 0)
    found.next_run = "promoted"
    assert found.clean


def test_a_lost_a_doubled_and_an_untold_record_are_found(tmp_path: Path, watcher: Watcher) -> None:
    dataset = Dataset(tmp_path / "dataset")
    dataset["outcomes"].add(columns([outcome_row(("solved-cases", 0, 1), outcome(1))], OUTCOMES))
    found = judged(dataset, ALL[:-1], watcher, [letter(8)])
    assert (found.lost, found.doubled, found.dead_letters_missing) == (1, 1, 1)
    assert not found.clean


def test_a_release_that_is_not_whole_when_it_can_be_seen_is_found(tmp_path: Path, watcher: Watcher) -> None:
    half = tmp_path / "releases" / ("a" * 64)
    half.mkdir(parents=True)
    (half / "manifest.json").write_text("{}")
    watcher.look()
    assert len(watcher.broken) == 1
