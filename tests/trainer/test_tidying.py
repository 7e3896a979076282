"""Promises of tidying in a process of its own: intake and erasures go on beside it, whatever befalls it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.trainer.events import START, Outbox, records, report
from trainer.audits.draw import AuditDraw
from trainer.dataset import tables, tidying
from trainer.dataset.dataset import Dataset
from trainer.dataset.erasure import erase
from trainer.dataset.intake import Intake
from trainer.dataset.tidying import LONGEST, Tidying
from trainer.dataset.traces import traces

KEY = b"key"
KILLS = 8
SECONDS = 60.0


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "dataset")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def tidier(dataset: Dataset, told: list[str]) -> Iterator[Tidying]:
    made = Tidying(dataset, told.append)
    yield made
    made.stop()


def take(dataset: Dataset, first: int, count: int = 1) -> None:
    """So many commits of two reports each."""
    taker = Intake(dataset, Outbox(), AuditDraw(KEY, 0), lambda: START)
    for n in range(first, first + 2 * count, 2):
        taker.take(records([report(n), report(n + 1)], first=n))


def stored(dataset: Dataset) -> list[str]:
    return sorted(dataset.query("SELECT report_id FROM reports")["report_id"].to_pylist())


def names(count: int) -> list[str]:
    return sorted(f"r{n}" for n in range(count))


def files(dataset: Dataset) -> int:
    return len(Dataset(dataset.root)["reports"]._table.file_uris())


def until_told(tidier: Tidying, told: list[str], now: timedelta = timedelta()) -> str:
    deadline, before = time.monotonic() + SECONDS, len(told)
    while len(told) == before:
        assert time.monotonic() < deadline, "a tidying ends"
        tidier.step(START + now)
        time.sleep(0.01)
    return told[-1]


def test_what_is_taken_while_files_are_joined_is_there_once_and_the_files_are_few(
    dataset: Dataset, tidier: Tidying, told: list[str]
) -> None:
    take(dataset, 0, 30)
    n = 60
    while not told:
        tidier.step(START)
        take(dataset, n)
        n += 2
        time.sleep(0.05)  # a join that is to be committed gives up against a commit every few milliseconds
    assert told == ["done"]
    assert stored(dataset) == names(n)
    assert files(dataset) <= 1 + (n - 60) // 2
    take(dataset, n)
    assert dataset["reports"].mark("crime-reports/0") == n + 2


def test_a_table_is_tidied_after_many_commits_or_once_a_day_and_not_between(
    dataset: Dataset, tidier: Tidying, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "COMPACT_AFTER", 10)
    until_told(tidier, told)
    take(dataset, 0, 10)
    assert dataset.due(START + timedelta(hours=23)) == []
    take(dataset, 20)
    assert dataset.due(START + timedelta(hours=23)) == ["reports"]
    until_told(tidier, told, timedelta(hours=23))
    assert (files(dataset), dataset["reports"].count()) == (1, 22)
    assert set(dataset.due(START + timedelta(hours=25))) >= {"priorities", "trainings"}
    assert "reports" not in dataset.due(START + timedelta(hours=25))


def test_a_tidying_that_is_killed_anywhere_leaves_every_row_and_the_next_one_cleans_up(
    dataset: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "dataset" / "reports"
    take(dataset, 0, 40)
    began = time.monotonic()
    command = [sys.executable, *tidying.PROGRAM, str(dataset.root), "reports"]
    subprocess.run(command, check=True)
    whole = time.monotonic() - began
    n = 80
    for _ in range(KILLS):
        take(dataset, n, 10)
        n += 20
        with subprocess.Popen(command) as child:
            time.sleep(random.uniform(0.3, 1.1) * whole)  # reading the libraries comes first
            child.kill()
        assert stored(dataset) == stored(Dataset(dataset.root)) == names(n)
    for path in folder.glob("*.parquet"):
        os.utime(path, (0, 0))  # what no commit names is nobody's any more
    subprocess.run(command, check=True)
    assert stored(dataset) == names(n)
    named = {uri.rpartition("/")[2] for uri in Dataset(dataset.root)["reports"]._table.file_uris()}
    replaced = {action["path"] for action in removed(folder)}
    assert {path.name for path in folder.glob("*.parquet")} <= named | replaced


def removed(folder: Path) -> list[dict[str, str]]:
    """What the log says is replaced and kept for a while."""
    lines = [line for path in (folder / "_delta_log").glob("*.json") for line in path.read_text().splitlines()]
    return [one["remove"] for one in map(json.loads, lines) if "remove" in one]


def test_a_tidying_ends_with_the_trainer_that_began_it(dataset: Dataset) -> None:
    command = [sys.executable, *tidying.PROGRAM, str(dataset.root), "reports", tidying.WITH_PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(SECONDS) == 1


def test_one_that_fails_is_told_and_intake_goes_on(
    dataset: Dataset, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    tidier = Tidying(dataset, told.append, ("-c", "print('OSError: no space left'); raise SystemExit(1)"))
    assert until_told(tidier, told) == "failed"
    (record,) = [one for one in caplog.records if one.message == "tidied"]
    assert record.facts["error"] == "OSError: no space left"
    take(dataset, 0, 5)
    assert stored(dataset) == names(10)
    assert dataset.due(START) == [], "it is not tried without end"
    assert until_told(tidier, told, timedelta(days=1)) == "failed"


def test_a_missing_file_fails_it_with_the_reason(
    dataset: Dataset, tidier: Tidying, told: list[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    take(dataset, 0, 5)
    next((tmp_path / "dataset" / "reports").glob("part-*.parquet")).unlink()
    assert until_told(tidier, told) == "failed"
    assert "part-" in next(one.facts["error"] for one in caplog.records if one.message == "tidied")


def test_one_that_cannot_begin_is_told_and_intake_goes_on(
    dataset: Dataset, tidier: Tidying, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    tidier.step(START)
    assert told == ["failed"]
    take(dataset, 0)
    assert stored(dataset) == names(2)


def test_one_that_hangs_is_killed(dataset: Dataset, told: list[str]) -> None:
    tidier = Tidying(dataset, told.append, ("-c", "import time; time.sleep(1000)"))
    tidier.step(START)
    tidier.step(START + LONGEST)
    assert told == []
    tidier.step(START + LONGEST + timedelta(seconds=1))
    assert told == ["failed"]


def test_reports_that_are_erased_while_files_are_joined_stay_erased_and_the_others_stay(
    dataset: Dataset, tidier: Tidying, told: list[str], tmp_path: Path
) -> None:
    gone = [f"case-2026-{turn:04}" for turn in range(5)]
    for turn, name in enumerate(gone):
        take(dataset, 21 * turn, 10)
        taker = Intake(dataset, Outbox(), AuditDraw(KEY, 0), lambda: START)
        taker.take(records([report(0, report_id=name)], first=21 * turn + 20))
        now = timedelta(days=turn)
        tidier.step(START + now)
        time.sleep(random.uniform(0.0, 1.0))  # its libraries alone take half of it
        assert erase(Dataset(dataset.root), KEY, "riverton", name, START)["reports"] == 1
        until_told(tidier, told, now)
        taken = [f"r{n}" for before in range(turn + 1) for n in range(21 * before, 21 * before + 20)]
        assert stored(dataset) == sorted(taken)
    for path in (tmp_path / "dataset").rglob("*.parquet"):
        os.utime(path, (0, 0))
    erase(dataset, KEY, "riverton", gone[0], START)
    assert [name for name in gone if traces(dataset.root, "riverton", name)] == []
