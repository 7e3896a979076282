"""Does any record stop a service? `python -m bench.malformed [--topic TOPIC ...] [--count 200000] [--seed 0] [--json]`.

Records from `bench.mutation` go through the decoder of crime reports and through the whole processor, with a real
model, without Kafka: each alone, for its time, and all again in batches. Every one must give a priority, or a dead
letter with a reason and, where it is known whose it is, a triage priority besides. Exit code 1 when one raises,
vanishes, is answered twice, takes longer than `HANG_SECONDS`, or trips an error of our own that was caught inside.

With `--topic` it is one topic's other readers instead (`bench.inbound`: the trainer's intake, the scorer's recall and
follower, …), or `all` of them: each record must be read, or refused with a reason.
"""

import faulthandler
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from bench.deployed import fit
from bench.inbound import Reader, readers
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

STUCK_SECONDS: Final = 900.0
"""After which a batch of the other readers is taken for one that never ends: the process shows where it is and ends. A
batch takes a second or two; with eighteen times as many processes as cores and at a low priority, two minutes."""

TOGETHER: Final = 50
"""Records of a batch, the second time."""

INTAKE: Final = 500
"""Records of a batch of the other readers: a commit to a table takes ten milliseconds."""

HANG_SECONDS: Final = 1.0
"""No single record may hold the others up longer: twice the time that a whole transaction should take."""

ALL: Final = (
    *(topics.CRIME_REPORTS, topics.SOLVED_CASES, topics.PRIORITIES),
    *(topics.MODEL_VERSIONS, topics.MODEL_STATUS, topics.AUDIT_REQUESTS),
)
"""Topics that somebody reads."""

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


def go_through(reader: Reader, count: int, seed: int, findings: Findings, tick: Callable[[], None]) -> None:
    """Let `reader` have so many records; what breaks a promise is noted. `tick`: called now and then."""
    mutator = Mutator(reader.events, seed, reader.topic)
    for first in range(0, count, INTAKE):
        records = [mutator.record(number) for number in range(first, min(first + INTAKE, count))]
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)  # one that never ends shows where
        if not _sound(reader, records, findings):
            for record in records:
                _sound(reader, [record], findings, alone=True)
        faulthandler.cancel_dump_traceback_later()
        tick()


def _sound(reader: Reader, records: Sequence[Record], findings: Findings, *, alone: bool = False) -> bool:
    """Whether all was well; not counted when it was not, except for one record alone, which is a fault then."""
    since = time.thread_time()
    try:
        outcomes, wrong = reader.read(records), ""
    except Exception as error:  # the very thing that is looked for
        outcomes, wrong = Counter[str](), f"raised {type(error).__name__}: {error}"
    took = time.thread_time() - since
    if not wrong and outcomes.total() != len(records):
        wrong = f"{len(records) - outcomes.total()} of {len(records)} vanished"
    if not wrong and took > HANG_SECONDS:
        wrong = f"took {took:.2f} s"
    if not wrong or alone:
        findings.outcomes.update({(reader.who, outcome): number for outcome, number in outcomes.items()})
        if took / len(records) > findings.longest_seconds:
            findings.longest_seconds, findings.longest = took / len(records), records[0].offset
    if wrong and alone:
        findings.faults.append(f"{reader.topic}, {reader.who}, record {records[0].offset}: {wrong}"[:500])
    return not wrong


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
    topic: Annotated[
        list[str] | None, typer.Option(help="Other readers of this topic; `all`: of every one, one after the other.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many records, to each reader.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same records.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Feed malformed records to the scorer, or to other readers, and count what comes of them."""
    logging.disable(logging.ERROR)  # what is logged of a batch is counted here
    findings, since = Findings(), time.perf_counter()
    if topic:
        _others(ALL if "all" in topic else topic, count, seed, findings)
    else:
        _scorer(count, seed, findings)
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


def _scorer(count: int, seed: int, findings: Findings) -> None:
    fitted = fit(None)
    scorer = Scorer(fitted.model, fitted.prediction_sets)
    mutator = Mutator(fitted.reports[:1000], seed, topics.CRIME_REPORTS)
    for first in track(range(0, count, TOGETHER), "malformed", console=Console(stderr=True)):
        records = [mutator.record(number) for number in range(first, min(first + TOGETHER, count))]
        examine(scorer, records, findings)


def _others(wanted: Sequence[str], count: int, seed: int, findings: Findings) -> None:
    with readers(wanted) as found, Progress(console=Console(stderr=True)) as bar:
        for reader in found:
            task = bar.add_task(f"{reader.topic}, {reader.who}", total=-(-count // INTAKE))
            go_through(reader, count, seed, findings, partial(bar.advance, task))


if __name__ == "__main__":
    typer.run(main)
