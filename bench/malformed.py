"""Does any record stop the scorer? `python -m bench.malformed [--count 200000] [--seed 0] [--json]`.

Records from `bench.mutation` go through the decoder of crime reports and through the whole processor, with a real
model, without Kafka: each alone, for its time, and all again in batches. Every one must give a priority, or a dead
letter with a reason and, where it is known whose it is, a triage priority besides. Exit code 1 when one raises,
vanishes, is answered twice, takes longer than `HANG_SECONDS`, or trips an error of our own that was caught inside.
"""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.deployed import fit
from bench.mutation import Mutator
from schemas import topics
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, decode
from schemas.priority import ModelRef, Priority
from severity.assess import Assessor, Release
from severity.conformal import PredictionSets
from severity.model import SeverityModel
from stream.agencies import Agencies, Limits
from stream.doubts import Doubts
from stream.ledger import Ledger
from stream.processor import Processor
from stream.revisions import Revisions
from stream.settings import ScorerSettings
from stream.tables import Tables
from stream.work import UNSCORABLE
from transport.records import Batch, Record

TOGETHER: Final = 50
"""Records of a batch, the second time."""

HANG_SECONDS: Final = 1.0
"""No single record may hold the others up longer: twice the time that a whole transaction should take."""

NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(slots=True)
class Findings:
    """What became of the records."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (what came of it, reason of its dead letter or "")."""
    faults: list[str] = field(default_factory=list)
    """One line for each record that broke a promise."""
    longest_seconds: float = 0.0
    longest: int = -1
    """Which record took longest."""


class Scorer:
    """The processor as deployed, with a real model, and what its errors are."""

    def __init__(self, model: SeverityModel, prediction_sets: PredictionSets) -> None:
        self.failures: list[Exception] = []
        ref = ModelRef(name="malformed", release=1, digest="0" * 64)
        release = Release(model.compile(), prediction_sets, ref)
        assessor: Assessor = Tables.load(ScorerSettings()).assessor(release, self.failures.append)
        nothing_known = Ledger(Revisions(1), Agencies(Limits(ratio=1, in_a_row=1)))
        self._processor = Processor(
            lambda: assessor,
            nothing_known,
            delivery="exactly-once",
            source="bench",
            doubts=Doubts(drills_from=frozenset(), ahead_seconds=300),
            clock=lambda: NOW,
            timer=time.perf_counter,
        )

    def process(self, records: Sequence[Record]) -> tuple[Batch, int]:
        """What would be published, and how many revisions were dropped; dead letters are written out, too."""
        batch, tally = self._processor.process(records)
        for letter in batch.dead_letters:
            letter.outgoing(NOW)
            letter.outgoing(NOW, bare=True)
        return batch, tally.dropped.total()


def examine(scorer: Scorer, records: Sequence[Record], findings: Findings) -> None:
    """Each record alone, then all together; what breaks a promise is noted in `findings`."""
    answered = set()
    for record in records:
        try:
            decode(CrimeReport, record.key, record.value, record.headers)
        except ContractError:
            pass
        except Exception as error:  # the very thing that is looked for
            findings.faults.append(f"record {record.offset}: decode raised {type(error).__name__}: {error}"[:500])
        since = time.thread_time()  # not what busy neighbours take
        try:
            batch, _ = scorer.process([record])
        except Exception as error:  # as above
            findings.faults.append(f"record {record.offset}: raised {type(error).__name__}: {error}"[:500])
            continue
        took = time.thread_time() - since
        if took > findings.longest_seconds:
            findings.longest_seconds, findings.longest = took, record.offset
        outcome, reason = _outcome(batch)
        findings.outcomes[outcome, reason] += 1
        if outcome == "lost" or reason == UNSCORABLE or took > HANG_SECONDS:
            findings.faults.append(f"record {record.offset}: {outcome} {reason} after {took:.2f} s")
        answered.add((record.offset, outcome))
    batch, dropped = scorer.process(records)
    together, alone = _places(batch), {offset for offset, outcome in answered if outcome != "dead letter"}
    if together - alone or len(alone - together) != dropped:
        findings.faults.append(f"records {sorted(together ^ alone)}: answered alone or in a batch, {dropped} dropped")
    findings.faults += [f"the model failed: {type(failure).__name__}: {failure}"[:500] for failure in scorer.failures]
    scorer.failures.clear()


def _outcome(batch: Batch) -> tuple[str, str]:
    reasons = [letter.reason for letter in batch.dead_letters]
    if len(batch.outputs) > 1 or len(reasons) > 1 or not (batch.outputs or reasons) or not all(reasons):
        return "lost", f"{len(batch.outputs)} priorities, {len(reasons)} dead letters"
    reason = reasons[0] if reasons else ""
    if not batch.outputs:
        return "dead letter", reason
    (output,) = batch.outputs
    priority = decode(Priority, output.key, output.value, output.headers)
    if not reasons:
        return ("lost", "no severity") if priority.severity is None else ("priority", "")
    if not priority.needs_human_triage or priority.dead_letter is None or priority.dead_letter.reason != reason:
        return "lost", "a dead letter's priority that does not ask for a person"
    return "dead letter, triage priority" if priority.severity is None else "dead letter, priority in part", reason


def _places(batch: Batch) -> set[int]:
    places = [decode(Priority, one.key, one.value, one.headers).source.offset for one in batch.outputs]
    if len(set(places)) < len(places):
        raise AssertionError("a record was answered twice")
    return set(places)


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(title=f"{result['count']:,} records, seed {result['seed']}")
    for heading in ("what came of it", "reason"):
        table.add_column(heading)
    table.add_column("records", justify="right")
    for outcome, reasons in result["outcomes"].items():
        for reason, count in reasons.items():
            table.add_row(outcome, reason, f"{count:,}")
    console = Console(stderr=True)
    console.print(table)
    console.print(
        f"faults: {len(result['faults'])}; longest record: {result['longest_ms']:.1f} ms (number {result['longest']}); "
        f"{result['seconds']:.0f} s"
    )
    for fault in result["faults"][:20]:
        console.print(fault, markup=False)


def main(
    count: Annotated[int, typer.Option(help="How many records.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Feed malformed records to the scorer and count what comes of them."""
    logging.disable(logging.ERROR)  # what is logged of a batch is counted here
    fitted = fit(None)
    scorer, findings = Scorer(fitted.model, fitted.prediction_sets), Findings()
    mutator = Mutator(fitted.reports[:1000], seed, topics.CRIME_REPORTS)
    since = time.perf_counter()
    for first in track(range(0, count, TOGETHER), "malformed", console=Console(stderr=True)):
        records = [mutator.record(number) for number in range(first, min(first + TOGETHER, count))]
        examine(scorer, records, findings)
    outcomes: dict[str, dict[str, int]] = {}
    for (outcome, reason), number in sorted(findings.outcomes.items()):
        outcomes.setdefault(outcome, {})[reason] = number
    result = {
        "count": count,
        "seed": seed,
        "outcomes": outcomes,
        "faults": findings.faults,
        "longest_ms": findings.longest_seconds * 1000,
        "longest": findings.longest,
        "seconds": time.perf_counter() - since,
    }
    show(result)
    if as_json:
        print(json.dumps(result))
    sys.exit(1 if findings.faults else 0)


if __name__ == "__main__":
    typer.run(main)
