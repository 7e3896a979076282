"""How long does a fresh report wait after an outage? `python -m bench.backlog [--json] [--no-million] [--lapd FILE]`.

Starts a Kafka of its own. Reports wait that nobody has scored; then one scorer starts, as deployed and exactly once,
while fresh reports go on coming at 20 a second. Two cases:

hour      72,000 wait, an outage of an hour at 20 a second. The demand: within 5 s of the worker's first assignment of
          partitions, a fresh report, filed after it, has its priority. Ours beside: none waits for longer than that.
million   a million wait. The demand: all worked off within 60 s of the first assignment.

What lies in a backlog is scored in its order; what is fresh, in turn with it (`transport.ahead`), so that it waits for
one transaction at most. With `SEVERITY_KAFKA__FRESH_FIRST=0` it waits for all that lies before it. The size of
transactions and the number left are read from the scorer's own metrics four times a second; when a priority is there
is what a reader of committed messages says.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray

from bench import report
from bench.afterwards import delete_topics
from bench.backlog_report import draw, show
from bench.ground import Ground, ground
from bench.load import Filer, Listener, ends, put
from bench.report import Demand
from bench.worker import START_SECONDS, Worker, scorer
from cli.topics import topic_specs
from schemas import topics
from transport.topics import TopicSpec, create_topics

HOUR: Final = 72_000
MILLION: Final = 1_000_000
FRESH: Final = 20.0
"""Fresh reports a second."""

CHUNK: Final = 5
"""Fresh reports that are filed between two looks at the metrics."""

HOUR_SECONDS: Final = 5.0
MILLION_SECONDS: Final = 60.0

PARTITIONS: Final = 4
TAIL: Final = 12
"""Looks at the metrics after the backlog is worked off: transactions are small again."""

KEPT_BYTES: Final = 256 * 2**20
"""Of a partition of `priorities`; its readers are close to its end."""


@dataclass(slots=True)
class Course:
    """One backlog; times are seconds since the first assignment, of fresh reports since before it, too."""

    waiting: int
    fresh_sent: NDArray[np.float64]
    fresh_arrived: NDArray[np.float64]
    worked_off: float
    again: int
    samples: list[dict[str, float]] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """What is told of it."""
        after = self.fresh_sent >= 0
        waits = (self.fresh_arrived - self.fresh_sent)[after]
        batches = [sample["batch"] for sample in self.samples if sample["batch"]]
        return {
            "first_fresh_s": float(self.fresh_arrived[after].min()),
            "longest_fresh_s": float(waits.max()),
            "last_fresh_s": float(np.median(waits[-CHUNK * TAIL // 2 :])),
            "worked_off_s": self.worked_off,
            "per_second": self.waiting / self.worked_off,
            "largest_batch": max(batches),
            "last_batch": float(np.median(batches[-TAIL // 2 :])),
            "answered_twice": float(self.again),
        }

    def as_json(self) -> dict[str, Any]:
        """The figures, and their course over time."""
        fresh = [
            {"sent": sent, "arrived": arrived}
            for sent, arrived in zip(self.fresh_sent, self.fresh_arrived, strict=True)
        ]
        return {**self.figures(), "samples": self.samples, "fresh": fresh}


class Scraped:
    """What the scorer's metrics say, sample by sample."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._batches = self._records = 0.0

    def sample(self, filed: int) -> dict[str, float]:
        """`left`: of so many `filed`; `batch`: mean records of a transaction since the last sample, 0 without one."""
        metrics = self._worker.metrics()
        at = time.perf_counter() - self._worker.ready_at
        batches, records = metrics["severity_batch_records_count"], metrics["severity_batch_records_sum"]
        more = batches - self._batches
        batch = (records - self._records) / more if more else 0.0
        self._batches, self._records = batches, records
        return {"at": at, "left": filed - records, "batch": batch}


def work_off(base: Ground, waiting: int, first: int) -> Course:
    """Put `waiting` reports, numbered from `first`, start a scorer, and go on filing until all is worked off."""
    topic = f"bench-backlog-{first}"
    create_topics(base.kafka, [TopicSpec(topic, PARTITIONS, base.replication)])
    places = ends(base.kafka, [topics.PRIORITIES])
    put(base.kafka, topic, (base.load.message(number) for number in range(first, first + waiting)))
    sent: list[NDArray[np.int64]] = []
    samples: list[dict[str, float]] = []
    filed, tail, deadline = waiting, TAIL, time.monotonic() + START_SECONDS
    with (
        Filer(base.kafka, base.load) as filer,
        Listener(base.kafka, places) as listener,
        scorer(base.kafka, base.keys, topics=topic, group_id=f"scorer-{topic}") as worker,
    ):
        scraped = Scraped(worker)
        while tail:
            filer.begin(topic, first + filed, CHUNK, FRESH)
            if worker.ready_at:
                samples.append(scraped.sample(filed))
                tail -= samples[-1]["left"] <= FRESH
            elif worker.process.poll() is not None or time.monotonic() > deadline:
                worker.wait()  # tells why it is not ready
            sent.append(filer.sent())
            filed += CHUNK
        fresh, backlog = listener.heard(first + waiting, filed - waiting), listener.heard(first, waiting)
        ready = worker.ready_at
    if missing := int((fresh.arrived == 0).sum() + (backlog.arrived == 0).sum()):
        raise RuntimeError(f"{missing} of {filed} reports were not answered")
    delete_topics(base.kafka, [topic])
    return Course(
        waiting,
        fresh_sent=np.concatenate(sent) / 1e9 - ready,
        fresh_arrived=fresh.arrived / 1e9 - ready,
        worked_off=float(backlog.arrived.max()) / 1e9 - ready,
        again=backlog.again,
        samples=samples,
    )


def demands(cases: dict[str, dict[str, Any]]) -> list[Demand]:
    """What has to hold of each case that was measured."""
    found = []
    if hour := cases.get("hour"):
        what = f"{hour['waiting']:,} waiting: from the first assignment to a fresh report's priority"
        found.append(Demand(what, hour["first_fresh_s"], most=HOUR_SECONDS, unit=" s"))
        found.append(Demand("longest wait of any fresh report", hour["longest_fresh_s"], most=HOUR_SECONDS, unit=" s"))
    if million := cases.get("million"):
        what = f"{million['waiting']:,} waiting: worked off"
        found.append(Demand(what, million["worked_off_s"], most=MILLION_SECONDS, unit=" s"))
    return found


def case(courses: Sequence[Course]) -> dict[str, Any]:
    """The medians over the rounds of one case, and the rounds."""
    return {
        "waiting": courses[0].waiting,
        **report.medians([course.figures() for course in courses]),
        "rounds": [course.as_json() for course in courses],
    }


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    million: Annotated[bool, typer.Option(help="Also with a million waiting.")] = True,
    scale: Annotated[float, typer.Option(min=0, help="For a trial: this share of each backlog.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the figures are medians.")] = 3,
    brokers: Annotated[int, typer.Option(help="1, or 3 with replication 3 and min.insync.replicas 2.")] = 1,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for backlog.json and backlog.png.")] = Path("bench-results"),
) -> None:
    """Measure how long fresh reports wait while a backlog is worked off by one scorer, exactly once.

    About half a minute a round, and a minute and a half with a million; a few GB of disk are needed for a while.
    """
    console = report.console()
    sizes = {"hour": HOUR} | ({"million": MILLION} if million else {})
    with ground(lapd, own_topics(), brokers, console) as base, report.progress(console) as bar:
        courses: dict[str, list[Course]] = {size: [] for size in sizes}
        loads, first = [], 0
        task = bar.add_task("", total=rounds * len(sizes))
        for number in range(rounds):
            for size, waiting in sizes.items():
                bar.update(task, description=f"round {number + 1}, {size}")
                loads.append(report.load_average())
                course = work_off(base, int(waiting * scale), first)
                courses[size].append(course)
                first += course.waiting + len(course.fresh_sent)
                bar.advance(task)
    cases = {size: case(found) for size, found in courses.items()}
    checks = demands(cases)
    result = {
        **cases,
        "rounds": rounds,
        "fresh_per_second": FRESH,
        "brokers": brokers,
        "load": base.source,
        "demands": [check.as_json() for check in checks],
        "load_averages": loads,
        "machine": report.machine(),
        "began": datetime.now(UTC).isoformat(),
    }
    show(result, list(sizes), checks, console)
    report.save(result, draw(result, list(sizes)), out, "backlog", console)
    if as_json:
        print(json.dumps(result))


def own_topics() -> list[TopicSpec]:
    """The contract's topics; of the priorities only the newest are kept."""
    kept = {"retention.bytes": str(KEPT_BYTES), "segment.bytes": str(KEPT_BYTES // 4)}
    known = [spec for spec in topic_specs(PARTITIONS) if spec.name != topics.PRIORITIES]
    return [*known, TopicSpec(topics.PRIORITIES, PARTITIONS, config=kept)]


if __name__ == "__main__":
    typer.run(main)
