"""How fast is a backlog worked off, and where does the time go? `python -m bench.throughput [--json] [--lapd FILE]`.

Starts a Kafka of its own. In each turn a backlog of reports is put first; then the workers of one variant start and
work it off. Variants take turns, round after round, each round in another order:

pass_alo      the loop, at least once, with a handler that passes records on
pass_eos      the same exactly once
scored_alo    the scorer as deployed (validation, model, rules, reasons), at least once
scored_eos    the same exactly once, one worker
scored_eos_2  two workers, which share the partitions and this machine's cores with the broker

`per_second` is from the first assignment of partitions to the last answer's append, a start's small batches and the
look at what was published before included; `steady` is from the answer at a fifth to the one at four fifths; `cpu_us`
is the workers' processor time a report, all threads. Nobody reads along: the times are the broker's.

One more turn a round has a stopwatch in the scorer (`bench.stages`), which tells the µs of a report by stage on the
loop's thread; librdkafka's own threads send and receive beside it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from bench import report
from bench.afterwards import BROKER_TIME, Progress, delete_topics, read_back
from bench.ground import Ground, ground
from bench.load import ends, put
from bench.passing import passing
from bench.report import Demand
from bench.throughput_report import draw, show
from bench.worker import Worker, scorer
from cli.topics import topic_specs
from schemas import topics
from transport.topics import TopicSpec, create_topics

PASSED: Final = "bench-passed"
PARTITIONS: Final = 4
STAGES: Final = "stages"
"""The turn with a stopwatch."""

LEAST: Final = 25_000
"""Reports a second that are demanded of one worker, exactly once, with reasons."""

LOOK_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 600.0
SETTLE_SECONDS: Final = 2.0
"""Between the filing of a backlog and the start of its workers."""

BYTES: Final = 2_000
"""Of an answer, at most: what a topic keeps is bounded by it."""


@dataclass(slots=True)
class Bench:
    """What all turns share, and what they found."""

    base: Ground
    reports: int
    turns: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    stages: list[dict[str, float]] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)
    _first: int = 0

    def turn(self, variant: str, *, counts: bool) -> None:
        """Put a backlog, work it off with a variant's workers, and look at what came out."""
        first, self._first = self._first, self._first + self.reports
        topic = f"bench-{variant.replace('_', '-')}-{first}"
        create_topics(self.base.kafka, [TopicSpec(topic, PARTITIONS, self.base.replication)])
        places = ends(self.base.kafka, [PASSED if variant.startswith("pass") else topics.PRIORITIES])
        put(self.base.kafka, topic, (self.base.load.message(number) for number in range(first, first + self.reports)))
        time.sleep(SETTLE_SECONDS)
        with ExitStack() as stack:
            workers = [stack.enter_context(worker) for worker in self._workers(variant, topic)]
            before = [worker.wait().cpu_seconds() for worker in workers]
            began = time.time() - time.perf_counter() + min(worker.ready_at for worker in workers)
            self._wait(group_of(variant, topic), topic)
            used = sum(worker.cpu_seconds() for worker in workers) - sum(before)
            processor = workers[0].metrics() if variant == STAGES else {}
        found = read_back(self.base.kafka, places, first, self.reports)
        if not found.appended.all():
            raise RuntimeError(f"{variant}: {(found.appended == 0).sum()} of {self.reports} reports were not answered")
        delete_topics(self.base.kafka, [topic])
        if not counts:
            return
        self.again[variant] = self.again.get(variant, 0) + found.again
        if variant == STAGES:
            self.stages.append(stages_of(processor, workers[0].events["stages"]))
        else:
            self.turns.setdefault(variant, []).append(self._figures(found.appended / 1000, began, used))

    def _figures(self, appended: NDArray[np.float64], began: float, used: float) -> dict[str, float]:
        appended.sort()
        fifth = self.reports // 5
        steady = (self.reports - 2 * fifth) / (appended[-fifth - 1] - appended[fifth])
        whole = self.reports / (appended[-1] - began)
        return {"per_second": float(whole), "steady": float(steady), "cpu_us": used / self.reports * 1e6}

    def _workers(self, variant: str, topic: str) -> Iterator[Worker]:
        delivery = "at-least-once" if variant.endswith("alo") else "exactly-once"
        kafka = self.base.kafka.model_copy(update={"delivery": delivery})
        if variant.startswith("pass"):
            yield passing(kafka, topic, PASSED)
            return
        group_id = group_of(variant, topic)
        for slot in range(workers_of(variant)):
            own = kafka.model_copy(update={"slot": str(slot)})
            if variant == STAGES:
                yield scorer(own, self.base.keys, program=["bench.stages"], topics=topic, group_id=group_id)
            else:
                yield scorer(own, self.base.keys, topics=topic, group_id=group_id)

    def _wait(self, group_id: str, topic: str) -> None:
        progress, deadline = Progress(self.base.kafka, group_id, topic), time.monotonic() + PATIENCE_SECONDS
        try:
            while (done := progress.records()) < self.reports:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{group_id}: {done} of {self.reports} reports in {PATIENCE_SECONDS:g} s")
                time.sleep(LOOK_SECONDS)
        finally:
            progress.close()


def workers_of(variant: str) -> int:
    """How many workers a variant has: what its name ends with."""
    number = variant.rpartition("_")[2]
    return int(number) if number.isdigit() else 1


def group_of(variant: str, topic: str) -> str:
    """The group of a variant's workers."""
    return f"{'passing' if variant.startswith('pass') else 'scorer'}-{topic}"


def stages_of(processor: dict[str, float], event: dict[str, Any]) -> dict[str, float]:
    """µs a report by stage; `other` is what is left of the time from the first read to the last commit."""
    records, prefix = event["records"], 'severity_stage_seconds_total{stage="'
    inside = {name.removeprefix(prefix).rstrip('"}'): value for name, value in processor.items() if prefix in name}
    seconds = {"consume": event["consume"], "validate": inside.pop("decode"), **inside}
    seconds |= {"produce": event["produce"], "commit": event["commit"]}
    seconds["other"] = event["wall"] - sum(seconds.values())
    return {stage: value / records * 1e6 for stage, value in seconds.items()}


def demands(variants: dict[str, dict[str, Any]]) -> list[Demand]:
    """What the scorer exactly once has to keep."""
    ours = variants["scored_eos"]
    whole = Demand("scored_eos, one worker, from first assignment to last answer", ours["per_second"], least=LEAST)
    return [whole, Demand("scored_eos, one worker, steady", ours["steady"], least=LEAST)]


def own_topics(reports: int) -> list[TopicSpec]:
    """The contract's topics and that of what is passed on; answers with the broker's time, and only the newest kept."""
    answers = {**BROKER_TIME, "retention.bytes": str(reports * BYTES), "segment.bytes": str(64 * 2**20)}
    known = [spec for spec in topic_specs(PARTITIONS) if spec.name != topics.PRIORITIES]
    return [*known, *(TopicSpec(name, PARTITIONS, config=answers) for name in (topics.PRIORITIES, PASSED))]


def measure(bench: Bench, variants: Sequence[str], rounds: int, console: Console) -> list[list[float] | None]:
    """Let the variants take their turns; the load average before each round."""
    loads = []
    with report.progress(console) as bar:
        task = bar.add_task("warm-up", total=rounds * len(variants) + 1)
        bench.turn("pass_eos", counts=False)
        bar.advance(task)
        for number in range(rounds):
            loads.append(report.load_average())
            shift = number % len(variants)
            for variant in (*variants[shift:], *variants[:shift]):
                bar.update(task, description=f"round {number + 1}, {variant}")
                bench.turn(variant, counts=True)
                bar.advance(task)
    return loads


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    reports: Annotated[int, typer.Option(min=1000, help="Of a turn; in fewer the start weighs.")] = 300_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the figures are medians.")] = 3,
    workers: Annotated[str, typer.Option(help="Numbers of workers for the scorer exactly once.")] = "1,2",
    brokers: Annotated[int, typer.Option(help="1, or 3 with replication 3 and min.insync.replicas 2.")] = 1,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for throughput.json and throughput.png.")] = Path("bench-results"),
) -> None:
    """Measure how fast a backlog is worked off, and the µs of a report by stage.

    A turn takes half a minute; there are rounds × 6 of them. A few GB of disk are needed for a while.
    """
    console = report.console()
    several = [f"scored_eos_{number}" for number in map(int, workers.split(",")) if number > 1]
    variants = ["pass_alo", "pass_eos", "scored_alo", "scored_eos", *several]
    with ground(lapd, own_topics(reports), brokers, console) as base:
        bench = Bench(base, reports)
        loads = measure(bench, [*variants, STAGES], rounds, console)
    figures = {variant: {**report.medians(turns), "rounds": turns} for variant, turns in bench.turns.items()}
    checks = demands(figures)
    result = {
        **{variant: figures[variant] for variant in variants},
        "stages_us": report.medians(bench.stages),
        "stages_rounds": bench.stages,
        "reports": reports,
        "rounds": rounds,
        "brokers": brokers,
        "load": base.source,
        "message_bytes": base.load.mean_bytes,
        "answered_twice": bench.again,
        "demands": [check.as_json() for check in checks],
        "load_averages": loads,
        "machine": report.machine(),
        "began": datetime.now(UTC).isoformat(),
    }
    show(result, variants, checks, console)
    report.save(result, draw(result, variants), out, "throughput", console)
    if as_json:
        print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
