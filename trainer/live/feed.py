"""What of an event the live scores need, straight from Kafka or, after a restart, from the tables."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from schemas.audit_request import SECOND
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from trainer.dataset.dataset import Dataset
from trainer.dataset.rows import OFFENCES
from trainer.live.scores import RULES, Decision, Label, LiveScores
from trainer.training.training_set import Levels


def feed(scores: LiveScores, event: object, levels: Levels) -> None:
    """Tell `scores` of an event: a priority or an outcome, anything else is of no concern."""
    match event:
        case Priority() if event.revision > 0:
            release = event.model.release if event.model else RULES
            at = event.scored_at.timestamp()
            decision = Decision(release, event.severity, event.model_severity, event.probabilities, at)
            scores.decided((event.agency_id, event.report_id), decision)
        case SolvedCase() if not (event.audit and event.audit.second):
            level = levels.level(event.offences, event.agency_id)
            label = Label(event.sequence, event.basis, level, event.audit is not None, event.closed_at.timestamp())
            scores.learned((event.agency_id, event.report_id), label)
        case _:
            pass


def rebuild(scores: LiveScores, dataset: Dataset, levels: Levels) -> None:
    """Bring fresh `scores` to where they were: the same events, from the tables."""
    decisions = dataset.query(
        "SELECT agency_id, report_id, release, severity, model_severity, probabilities, scored_at FROM priorities"
        ' WHERE revision > 0 ORDER BY scored_at, topic, partition, "offset"'
    )
    for row in _rows(decisions):
        decision = Decision(
            release=row["release"] or RULES,
            published=row["severity"],
            model=row["model_severity"],
            expected=row["probabilities"],
            at=row["scored_at"].timestamp(),
        )
        scores.decided((row["agency_id"], row["report_id"]), decision)
    outcomes = dataset.query(
        "SELECT agency_id, report_id, sequence, basis, offences, request_id, closed_at FROM outcomes"
        ' ORDER BY sequence, topic, partition, "offset"'
    )
    for row in _rows(outcomes):
        level = levels.level(OFFENCES.validate_json(row["offences"]), row["agency_id"])
        if (row["request_id"] or "").endswith(SECOND):
            continue
        audited, at = row["request_id"] is not None, row["closed_at"].timestamp()
        label = Label(row["sequence"], row["basis"], level, audited, at)
        scores.learned((row["agency_id"], row["report_id"]), label)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows one batch at a time: a table of Python objects would take a hundred times its memory."""
    for batch in table.to_batches():
        yield from batch.to_pylist()
