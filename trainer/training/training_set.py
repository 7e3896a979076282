"""The training set: the newest outcome of each report, joined with the report as it was when first scored.

A label comes from what a case turned out to be; the inputs come from what was known when a responder first needed an
answer. Later revisions are left out: they often hold what the investigation found.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.audit_request import SECOND
from schemas.solved_case import Offence
from trainer.dataset.bodies import Bodies
from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import OFFENCES
from trainer.dataset.tables import Marks

WITHDRAWN: Final = ("unfounded", "reopened")
"""Bases that take a label away: nothing happened, or it is not known any more what."""

AUDITED: Final = "audited"

_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""Kafka's own rule for topic names; nothing else may enter the query's text."""

_TOLD: Final = """outcome AS (
    SELECT * FROM outcomes WHERE {taken} AND (request_id IS NULL OR request_id NOT LIKE '%{second}')
), newest AS (
    SELECT *, coalesce(told, 0) > coalesce(untold, 0) AS by_case FROM (
        SELECT *,
            row_number() OVER (PARTITION BY agency_id, report_id
                ORDER BY sequence DESC, closed_at DESC, basis, offences, request_id) AS place,
            max(audit_probability) OVER (PARTITION BY agency_id, report_id) AS drawn_with,
            max(CASE WHEN request_id IS NULL AND basis NOT IN ({withdrawn}) THEN sequence END)
                OVER (PARTITION BY agency_id, report_id) AS told,
            max(CASE WHEN request_id IS NULL AND basis IN ({withdrawn}) THEN sequence END)
                OVER (PARTITION BY agency_id, report_id) AS untold
        FROM outcome
    ) WHERE place = 1
)"""
"""What is known of each case. Equal sequences are told apart by what they say, so that no order of arrival matters."""

_LABELS: Final = """
WITH {told}
SELECT agency_id, report_id, basis, closed_at, offences, drawn_with, by_case FROM newest ORDER BY agency_id, report_id
"""

_QUERY: Final = """
WITH {told}, scored AS (
    SELECT agency_id, report_id, revision FROM (
        SELECT agency_id, report_id, revision, row_number() OVER (
            PARTITION BY agency_id, report_id ORDER BY scored_at, revision) AS place
        FROM priorities WHERE revision > 0 AND {taken}
    ) WHERE place = 1
), seen AS (
    SELECT * FROM (
        SELECT r.*, row_number() OVER (
            PARTITION BY r.agency_id, r.report_id
            ORDER BY r.revision IS DISTINCT FROM scored.revision, r.revision, r.body) AS place
        FROM (SELECT * FROM reports WHERE {taken}) r
        LEFT JOIN scored ON scored.agency_id = r.agency_id AND scored.report_id = r.report_id
    ) WHERE place = 1
)
SELECT o.agency_id, o.report_id, o.basis, o.closed_at, o.offences, o.drawn_with, o.by_case, seen.status,
    seen.reported_at, seen.body
FROM newest o LEFT JOIN seen ON seen.agency_id = o.agency_id AND seen.report_id = o.report_id
ORDER BY seen.reported_at, o.agency_id, o.report_id
"""


class Levels(Protocol):
    """Gives the level of final offences; `severity.levels.LevelTable` does."""

    def level(self, offences: Sequence[Offence], agency_id: str) -> int | None:
        """Level of the gravest offence, None when the table knows none of them."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What cases turned out to be; every array has one entry a report.

    `basis` is that of the newest outcome, except that a report which was drawn and graded stays `audited` when its case
    is solved later: the graded are a random sample only as long as none of them leaves it. `audit_probability` is the
    chance with which it was drawn, NaN for others. `by_case`: whether the case's own course, or a person who was not
    asked by the draw, told the label, maybe beside an audit. `known_at`: when the newest outcome came to be, in UTC.
    """

    agency: npt.NDArray[np.object_]
    report_id: npt.NDArray[np.object_]
    levels: npt.NDArray[np.int64]
    basis: npt.NDArray[np.str_]
    known_at: npt.NDArray[np.datetime64]
    audit_probability: npt.NDArray[np.float64]
    by_case: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.levels)


@dataclass(frozen=True, slots=True)
class TrainingSet(Labels):
    """Labelled reports in the order in which they were filed.

    `left_out` counts outcomes that give no row, by reason. `marks` name the state of the dataset: with the same level
    table they give the same rows again, erased reports aside. `tables`: the versions of the Delta tables then.
    """

    reports: Bodies
    reported_at: npt.NDArray[np.datetime64]
    left_out: Mapping[str, int]
    marks: Marks
    tables: Mapping[str, int]

    def digest(self) -> str:
        """SHA-256 of all rows in lower-case hexadecimal: equal where a fit would see the same."""
        found = hashlib.sha256()
        for texts in (_column(self.agency), _column(self.report_id), _column(self.basis), self.reports.json):
            found.update(pc.binary_length(texts).to_numpy().astype("<i8").tobytes())
            for chunk in texts.chunks:
                found.update("".join(chunk.to_pylist()).encode())
        for numbers in (self.levels, self.known_at, self.audit_probability, self.by_case):
            found.update(np.ascontiguousarray(numbers).tobytes())
        return found.hexdigest()


def training_set(
    dataset: Dataset,
    levels: Levels,
    marks: Marks | None = None,
    *,
    window: int | None = None,
    since: datetime | None = None,
) -> TrainingSet:
    """Labelled reports up to `marks`, by default up to now: the newest `window` of them, filed not before `since`.

    An outcome gives no row when its case is unfounded or reopened, when `levels` knows none of its offences, when it
    is a drill's, and when its report has not arrived (yet): outcomes wait for their reports. The answer to a second
    request for one audit is no label either: it tells how well graders agree (`trainer.audits.agreement`).
    """
    marks = dataset.marks() if marks is None else marks
    tables = dataset.versions()
    table = dataset.query(_text(_QUERY, marks))
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
    if since is not None:
        kept &= np.asarray(pc.greater_equal(table["reported_at"], pa.scalar(since)).fill_null(False))
    if window is not None:
        kept[np.flatnonzero(kept)[: -window or None]] = False
    table = table.filter(pa.array(kept))
    return TrainingSet(
        **_told(table, found[kept]),
        reports=Bodies(table["body"]),
        reported_at=table["reported_at"].to_numpy(),
        left_out=dict(Counter(reason[reason != ""].tolist())),
        marks=marks,
        tables=tables,
    )


def labels_at(dataset: Dataset, levels: Levels, marks: Marks) -> Labels:
    """What was known of the cases at `marks`, in order of agency and report, whether or not their reports are there."""
    table = dataset.query(_text(_LABELS, marks))
    found = _levels(table, levels)
    kept = ~np.isin(_strings(table, "basis"), WITHDRAWN) & (found > 0)
    return Labels(**_told(table.filter(pa.array(kept)), found[kept]))


def _told(table: pa.Table, levels: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The fields of `Labels`."""
    chance = table["drawn_with"].cast(pa.float64()).to_numpy()
    return {
        "agency": np.array(table["agency_id"].to_pylist(), dtype=np.object_),
        "report_id": np.array(table["report_id"].to_pylist(), dtype=np.object_),
        "levels": levels,
        "basis": np.where(np.isnan(chance), _strings(table, "basis"), AUDITED),
        "known_at": table["closed_at"].to_numpy(),
        "audit_probability": chance,
        "by_case": np.asarray(table["by_case"], dtype=np.bool_),
    }


def _column(texts: npt.NDArray[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts.astype(np.object_), pa.string())])


def _text(query: str, marks: Marks) -> str:
    taken, withdrawn = _taken(marks), ", ".join(f"'{basis}'" for basis in WITHDRAWN)
    return query.format(taken=taken, told=_TOLD.format(taken=taken, second=SECOND, withdrawn=withdrawn))


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
