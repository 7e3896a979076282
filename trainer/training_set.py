"""The training set: the newest outcome of each report, joined with the report as it was when first scored.

A label comes from what a case turned out to be; the inputs come from what was known when a responder first needed an
answer. Later revisions are left out: they often hold what the investigation found.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.crime_report import CrimeReport
from schemas.solved_case import Offence
from trainer.dataset import Dataset
from trainer.rows import OFFENCES
from trainer.tables import Marks

WITHDRAWN: Final = ("unfounded", "reopened")
"""Bases that take a label away: nothing happened, or it is not known any more what."""

AUDITED: Final = "audited"

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""Kafka's own rule for topic names; nothing else may enter the query's text."""

_QUERY: Final = """
WITH newest AS (
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY agency_id, report_id ORDER BY sequence DESC, topic, partition, "offset") AS place,
            max(audit_probability) OVER (PARTITION BY agency_id, report_id) AS drawn_with
        FROM outcomes WHERE {taken}
    ) WHERE place = 1
), scored AS (
    SELECT agency_id, report_id, revision FROM (
        SELECT agency_id, report_id, revision, row_number() OVER (
            PARTITION BY agency_id, report_id ORDER BY scored_at, topic, partition, "offset") AS place
        FROM priorities WHERE revision > 0 AND {taken}
    ) WHERE place = 1
), seen AS (
    SELECT * FROM (
        SELECT r.*, row_number() OVER (
            PARTITION BY r.agency_id, r.report_id
            ORDER BY r.revision IS DISTINCT FROM scored.revision, r.revision, r.topic, r.partition, r."offset") AS place
        FROM (SELECT * FROM reports WHERE {taken}) r
        LEFT JOIN scored ON scored.agency_id = r.agency_id AND scored.report_id = r.report_id
    ) WHERE place = 1
)
SELECT o.agency_id, o.basis, o.closed_at, o.offences, o.drawn_with, seen.status, seen.reported_at, seen.body
FROM newest o LEFT JOIN seen ON seen.agency_id = o.agency_id AND seen.report_id = o.report_id
ORDER BY seen.reported_at, o.agency_id, o.report_id
"""


class Levels(Protocol):
    """Gives the level of final offences; `severity.levels.LevelTable` does."""

    def level(self, offences: Sequence[Offence], agency_id: str) -> int | None:
        """Level of the gravest offence, None when the table knows none of them."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled reports in the order in which they were filed; every array has one entry a report.

    `basis` is that of the newest outcome, except that a report which was drawn and graded stays `audited` when its case
    is solved later: the graded are a random sample only as long as none of them leaves it. `audit_probability` is the
    chance with which it was drawn, NaN for others. `left_out` counts outcomes that give no row, by reason. `marks` name
    the state of the dataset: with the same level table they give the same rows again.
    """

    reports: list[CrimeReport]
    levels: npt.NDArray[np.int64]
    basis: npt.NDArray[np.str_]
    reported_at: npt.NDArray[np.datetime64]
    known_at: npt.NDArray[np.datetime64]
    audit_probability: npt.NDArray[np.float64]
    left_out: Mapping[str, int]
    marks: Marks

    def __len__(self) -> int:
        return len(self.reports)


def training_set(dataset: Dataset, levels: Levels, marks: Marks | None = None) -> TrainingSet:
    """Labelled reports up to `marks`, by default up to now.

    An outcome gives no row when its case is unfounded or reopened, when `levels` knows none of its offences, when it
    is a drill's, and when its report has not arrived (yet): outcomes wait for their reports.
    """
    marks = dataset.marks() if marks is None else marks
    table = dataset.query(_QUERY.format(taken=_taken(marks)))
    found = _levels(table, levels)
    reason = np.select(
        [
            np.isin(_strings(table, "basis"), WITHDRAWN),
            ~np.asarray(table["body"].is_valid()),
            _strings(table, "status") != "Actual",
            found == 0,
        ],
        ["withdrawn", "report-not-there", "drill", "no-level"],
        default="",
    )
    kept = reason == ""
    table = table.filter(pa.array(kept))
    chance = table["drawn_with"].cast(pa.float64()).to_numpy()
    return TrainingSet(
        reports=[CrimeReport.model_validate_json(body) for body in table["body"].to_pylist()],
        levels=found[kept],
        basis=np.where(np.isnan(chance), _strings(table, "basis"), AUDITED),
        reported_at=table["reported_at"].to_numpy(),
        known_at=table["closed_at"].to_numpy(),
        audit_probability=chance,
        left_out=dict(Counter(reason[~kept].tolist())),
        marks=marks,
    )


def _levels(table: pa.Table, levels: Levels) -> npt.NDArray[np.int64]:
    """Level of each row, 0 for none; the same offences of the same agency are looked up once."""
    known: dict[tuple[str, str], int] = {}
    pairs = list(zip(table["agency_id"].to_pylist(), table["offences"].to_pylist(), strict=True))
    for agency_id, offences in set(pairs):
        known[agency_id, offences] = levels.level(OFFENCES.validate_json(offences), agency_id) or 0
    return np.array([known[pair] for pair in pairs], dtype=np.int64)


def _strings(table: pa.Table, name: str) -> npt.NDArray[np.str_]:
    return np.array([value or "" for value in table[name].to_pylist()], dtype=np.str_)


def _taken(marks: Marks) -> str:
    """SQL condition: the row lies before the marks."""
    parts = ["false"]
    for name, offset in sorted(marks.items()):
        topic, _, partition = name.rpartition("/")
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"{topic!r} in the marks is not a Kafka topic's name")
        parts.append(f"(topic = '{topic}' AND partition = {int(partition)} AND \"offset\" < {int(offset)})")
    return f"({' OR '.join(parts)})"
