"""Two releases over the newest reports, as a scorer would publish them: floors, policy and schemes on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cli.model.desk import Desk, scorers
from schemas.crime_report import CrimeReport
from schemas.priority import SourcePosition
from severity.artefact.proof import Proved
from severity.artefact.reading import load, verify
from severity.artefact.store import location
from severity.assess import Release
from stream.tables import Tables
from trainer.dataset.dataset import Dataset
from trainer.judging.difference import Difference, difference

BATCH: Final = 2000
"""Reports that are scored at a time."""

_NEWEST: Final = """
SELECT body FROM (
    SELECT body, reported_at, row_number() OVER (PARTITION BY agency_id, report_id ORDER BY revision) AS place
    FROM reports WHERE status = 'Actual'
        AND reported_at > (SELECT max(reported_at) FROM reports WHERE status = 'Actual') - INTERVAL '{seconds} seconds'
) WHERE place = 1 ORDER BY reported_at
"""


def newest_reports(dataset: Dataset, days: float) -> list[CrimeReport]:
    """The first revision of each report that was filed in the last `days` before the newest, drills aside."""
    rows = dataset.query(_NEWEST.format(seconds=round(days * 86_400)))
    return [CrimeReport.model_validate_json(body) for body in rows["body"].to_pylist()]


def compare(desk: Desk, before: Proved, after: Proved, reports: Sequence[CrimeReport]) -> Difference:
    """What would change. Raises ArtefactRefused when a release cannot be loaded."""
    tables = Tables.load(scorers())
    return difference(reports, _levels(desk, before, tables, reports), _levels(desk, after, tables, reports))


def _levels(desk: Desk, one: Proved, tables: Tables, reports: Sequence[CrimeReport]) -> list[int]:
    now = datetime.now(UTC)
    loaded = load(verify(location(desk.store, one.digest), desk.keys, minimum_release=1, now=now))
    assessor = tables.assessor(Release(loaded.scorer, loaded.prediction_sets, loaded.ref), lambda _: None)
    position = SourcePosition(topic="diff", partition=0, offset=0)
    levels: list[int] = []
    for start in range(0, len(reports), BATCH):
        part = reports[start : start + BATCH]
        levels += [priority.severity or 0 for priority in assessor.assess(part, [position] * len(part), now)]
    return levels
