"""Promise: what a release was fitted to can be made again, to the row, whatever the dataset went through since."""

from datetime import timedelta
from pathlib import Path

from severity.artefact.manifest import Manifest
from severity.levels import LevelTable
from tests.trainer.city import solved_cases
from tests.trainer.events import START, Outbox, records
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import Dataset
from trainer.dataset.erasure import erase
from trainer.dataset.intake import Intake
from trainer.training.as_of import MadeAgain, made_again
from trainer.training.training_set import training_set

KEY = b"key"
LEVELS = LevelTable.load()


def take(dataset: Dataset, events: list, first: int = 0) -> None:
    Intake(dataset, Outbox(), AuditDraw(KEY, 0.05), lambda: START).take(records(events, first))


def release(dataset: Dataset, window: int | None = None) -> Manifest:
    """What a release that was trained now would say."""
    found = training_set(dataset, LEVELS, window=window)
    return Manifest.model_construct(
        release=3,
        created_at=START,
        window_from=found.reports[0].reported_at,
        rows=len(found),
        marks=dict(found.marks),
        tables=dict(found.tables),
        training_set=found.digest(),
        levels=LEVELS.digest,
    )


def live_on(dataset: Dataset) -> None:
    """Further intake in many commits, corrections of outcomes known then, compaction and vacuum."""
    reports, outcomes = solved_cases(160)
    take(dataset, reports[100:], first=100)
    for place in range(100, 160, 10):
        take(dataset, outcomes[place : place + 10], first=place)
    take(dataset, [one.model_copy(update={"sequence": 2, "basis": "unfounded"}) for one in outcomes[:20]], first=160)
    for name in ("reports", "outcomes"):
        dataset[name].compact()
        dataset[name]._table.vacuum(0, dry_run=False, enforce_retention_duration=False)


def started(path: Path) -> Dataset:
    dataset = Dataset(path)
    reports, outcomes = solved_cases(100)
    take(dataset, reports)
    take(dataset, outcomes)
    return dataset


def test_the_training_set_of_a_release_survives_intake_corrections_compaction_and_vacuum(tmp_path: Path) -> None:
    dataset = started(tmp_path)
    for window in (None, 30):
        made = release(dataset, window)
        live_on(dataset)
        found = made_again(Dataset(tmp_path), LEVELS, made)
        assert found.same
        assert found.rows == made.rows == (window or found.rows)
        assert training_set(dataset, LEVELS).digest() != made.training_set
        assert f"the same {made.rows} rows" in str(found)


def test_it_misses_the_erased_reports_and_no_others_and_lets_no_older_ones_in(tmp_path: Path) -> None:
    dataset = started(tmp_path)
    made = release(dataset, window=50)
    then = training_set(dataset, LEVELS, window=50)
    live_on(dataset)
    gone = then.report_id[[3, 30]].tolist()
    for name in gone:
        erase(dataset, KEY, then.agency[0], name, START + timedelta(days=1))
    found = made_again(dataset, LEVELS, made)
    assert (found.rows, found.rows_then, found.erased, found.same, found.explained) == (48, 50, 2, False, True)
    now = training_set(dataset, LEVELS, made.marks, window=made.rows, since=made.window_from)
    assert now.report_id.tolist() == [name for name in then.report_id if name not in gone]


def test_what_cannot_be_made_again_is_told_with_its_reason(tmp_path: Path) -> None:
    dataset = started(tmp_path)
    made = release(dataset)
    other = made_again(dataset, LevelTable(LEVELS.nibrs, LEVELS.by_agency, "0" * 64), made)
    assert not other.same_levels
    lost = made_again(Dataset(tmp_path / "empty"), LEVELS, made)
    assert not lost.explained
    assert "does not hold what it held" in str(lost)
    assert "level tables are others" in str(MadeAgain(1, 5, 5, "a", "b", 0, False))
    assert "tells no digest" in str(MadeAgain(1, 5, 5, None, "b", 0, True))
