"""How fast does the trainer take events into its dataset? `python -m bench.intake [--json] [--events N]`.

Starts a Kafka of its own and fills it with what a city's reports give: each report, the priority published on it, its
correction if any, and an outcome where the case is solved, classified or audited; one event in twenty is sent twice, as
a producer that retries does. Then the trainer's own reader and intake store all of it, batch by batch, with the audit
draw and every commit, in rounds, each into a new dataset; then all of it is taken again from the beginning, which must
add no row.

A plain loop of `json.loads` over the same records on the same machine is the yardstick: `ratio` says how much of its
speed intake has, both by their own thread's time, which hangs less on who else is busy than events a second do.
`cpu_per_second`: events a second of this process's processor time, Kafka's client and Delta's threads included;
`own_thread_per_second`: of the thread's alone that decodes and stores, which is what a machine with a core to spare for
the others gives.
"""

import itertools
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from bench.report import Demand
from cad.city import Case
from cad.outcomes import Delays, RecordsOffice, Regime
from cad.simulated import SimulatedCity
from cli.topics import topic_specs
from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.envelope import Event, encode
from schemas.priority import ModelRef, Priority, SourcePosition
from trainer.audits.draw import AuditDraw
from trainer.dataset.dataset import TABLES, Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import gather, uncollected
from trainer.settings import TrainerSettings
from transport.local_kafka import LocalKafka
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

LEAST: Final = 20_000
"""Events a second that are demanded."""

REPEATED: Final = 0.05
"""Share of events that are sent twice: an assumption."""

AUDIT: Final = 0.05
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE: Final = "/bench"
TOPICS: Final = tuple(TABLES)


@dataclass(frozen=True, slots=True)
class Round:
    """One filling of a new dataset. `seconds` by the clock, `cpu` of this process, `own` of the thread that stores;
    `again`: rows that a second taking of everything added."""

    events: int
    seconds: float
    cpu: float
    own: float
    rows: int
    again: int


def fill(kafka: KafkaSettings, events: int, seed: int) -> list[bytes]:
    """Put so many events into the topics; their bodies."""
    chance, bodies = random.Random(seed), []
    with Sender(kafka) as sender:
        for topic, event in itertools.islice(happenings(seed), events):
            key, body, headers = encode(event, source=SOURCE, time=START)
            for _ in range(2 if chance.random() < REPEATED else 1):
                sender.send(topic, key, body, headers)
                bodies.append(body)
        sender.flush()
    return bodies


def happenings(seed: int) -> Iterator[tuple[str, Event]]:
    """Everything that comes of a city's reports, by topic: an outcome comes at once and not weeks later."""
    office = RecordsOffice(Regime.SOLVED_AND_AUDITED, Delays())
    for number, case in enumerate(SimulatedCity(seed, START)):
        for report in (case.report, *(correction.report for correction in case.corrections)):
            yield topics.CRIME_REPORTS, report
            yield topics.PRIORITIES, priority(report, number)
        for opened in filter(None, (office.open(case), audited(office, case, number))):
            yield topics.SOLVED_CASES, office.number(opened.event)


def audited(office: RecordsOffice, case: Case, number: int) -> Any:
    """The answer to an audit of one report in twenty."""
    if number % round(1 / AUDIT) or case.report.status != "Actual":
        return None
    identity = {"agency_id": case.report.agency_id, "report_id": case.report.report_id}
    return office.ask(AuditRequest(**identity, request_id=f"{number:032x}", drawn_at=START, probability=AUDIT))


def priority(report: CrimeReport, number: int) -> Priority:
    """A priority as the scorer publishes it, with everything that is stored."""
    return Priority(
        agency_id=report.agency_id,
        report_id=report.report_id,
        revision=report.revision,
        status=report.status,
        severity=3,
        model_severity=3,
        score=50.0,
        probabilities=(0.1, 0.2, 0.4, 0.2, 0.1),
        plausible_levels=(2, 3, 4),
        priority="P3",
        colour="#112233",
        target_minutes=30,
        eido_priority=5,
        decided_by="model",
        degraded=False,
        needs_human_triage=False,
        model=ModelRef(name="severity", release=1, digest="0" * 64),
        policy_version="1",
        reported_at=report.reported_at,
        scored_at=report.reported_at,
        source=SourcePosition(topic=topics.CRIME_REPORTS, partition=0, offset=number),
    )


def take_all(kafka: KafkaSettings, folder: Path, settings: TrainerSettings) -> Round:
    """Store everything in a new dataset, then once more from the beginning."""
    dataset = Dataset(folder)
    with Sender(kafka) as sender:
        intake = Intake(dataset, sender, AuditDraw(b"bench", AUDIT), lambda: datetime.now(UTC))
        began, cpu, own = time.perf_counter(), time.process_time(), time.thread_time()
        events = drain(kafka, intake, settings)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        own = time.thread_time() - own
        rows = sum(dataset[name].count() for name in TABLES.values())
        drain(kafka, intake, settings)
    return Round(events, seconds, cpu, own, rows, sum(dataset[name].count() for name in TABLES.values()) - rows)


def drain(kafka: KafkaSettings, intake: Intake, settings: TrainerSettings) -> int:
    """Take all that is there, from the beginning, in the trainer's own batches; how many records."""

    @uncollected()
    def take() -> int:
        records = gather(reader, settings.batch, settings.batch_seconds, lambda: reader.caught_up)
        if records:
            intake.take(records)
        return len(records)

    count = 0
    with Reader(kafka, TOPICS) as reader:
        while not reader.caught_up:
            count += take()
    return count


def yardstick(bodies: Sequence[bytes]) -> float:
    """Bodies a second of processor time through `json.loads`."""
    began = time.process_time()
    for body in bodies:
        json.loads(body)
    return len(bodies) / (time.process_time() - began)


def main(
    events: Annotated[int, typer.Option(help="Events before repeats.", min=1000)] = 200_000,
    rounds: Annotated[int, typer.Option(help="Datasets filled, one after the other.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of the city and the repeats.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure intake; exit code 1 when it is slower than demanded, or when anything was stored twice."""
    console = Console(stderr=True)
    with LocalKafka(topics=topic_specs()) as cluster, tempfile.TemporaryDirectory() as name:
        kafka = cluster.settings()
        console.print("Filling the topics …")
        bodies = fill(kafka, events, seed)
        settings = TrainerSettings(kafka=kafka)
        found, plain = [], []
        for number in range(rounds):
            plain.append(yardstick(bodies))
            found.append(take_all(kafka, Path(name, str(number)), settings))
            console.print(f"round {number + 1}: {found[-1].events / found[-1].seconds:,.0f} events/s")
    speeds = [one.events / one.seconds for one in found]
    by_cpu, own = [one.events / one.cpu for one in found], [one.events / one.own for one in found]
    demands = [
        Demand("events a second", median(speeds), least=LEAST),
        Demand("rows that a second taking added", max(one.again for one in found), most=0),
        Demand("events without a row", max(abs(one.events - one.rows) for one in found), most=0),
    ]
    result = {
        "events": found[0].events,
        "per_second": sorted(round(speed) for speed in speeds),
        "cpu_per_second": sorted(round(speed) for speed in by_cpu),
        "own_thread_per_second": sorted(round(speed) for speed in own),
        "json_loads_per_cpu_second": sorted(round(speed) for speed in plain),
        "ratio": round(median(own) / median(plain), 3),
        "demands": [demand.as_json() for demand in demands],
    }
    for demand in demands:
        console.print(str(demand))
    console.print(f"{result['ratio']:.0%} of the speed of a plain json.loads of the same records")
    if as_json:
        print(json.dumps(result))
    raise typer.Exit(0 if all(demand.met for demand in demands) else 1)


if __name__ == "__main__":
    typer.run(main)
