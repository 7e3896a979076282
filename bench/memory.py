"""Does a scorer's memory grow? `python -m bench.memory [--reports 5000000] [--json] [--lapd FILE]`.

Starts a Kafka of its own and one scorer, as deployed and exactly once, and files reports as fast as they are answered,
each with a number of its own, so that all that is remembered by report fills and turns over. The scorer's resident
memory is read every second. What is remembered is bounded (`remembered_reports`, 50,000) and full long before the
first tenth is answered, which is the warm-up. The demand: no ten seconds after it take over 5 % more than its end did.

Needs /proc, so Linux, and about 3 GB of disk: topics keep only their newest.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console

from bench import report
from bench.child import Child
from bench.ground import Ground, ground
from bench.load import Load, put
from bench.report import Demand
from bench.worker import START_SECONDS, Worker, scorer
from cli.topics import topic_specs
from schemas import topics
from transport.settings import KafkaSettings
from transport.topics import TopicSpec

SAMPLE_SECONDS: Final = 1.0
CHUNK: Final = 50_000
AHEAD: Final = 200_000
"""Reports filed and not yet answered, at most: well within what the topic keeps."""

WARM_UP: Final = 0.1
"""Share of the reports after which memory has to be flat."""

WINDOW: Final = 10
"""Samples whose median counts: what is fetched and not yet handled goes up and down."""

MOST_GROWTH: Final = 1.05
KEPT_BYTES: Final = 256 * 2**20
"""Of each partition, of reports and of priorities."""

MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds since the start, reports answered, resident memory in MB."""

    at: float
    answered: int
    resident_mb: float


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB of a million bytes. Raises OSError where there is no /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MB
    raise ProcessLookupError(f"process {pid} has ended")


def work(base: Ground, count: int, worker: Worker, show: Callable[[int], None]) -> list[Sample]:
    """File `count` reports and watch until all are answered; raises RuntimeError when the worker stops answering."""
    samples: list[Sample] = []
    filed, began, moved = 0, time.perf_counter(), time.perf_counter()
    with Child(_file, base.kafka, base.load) as filer:
        while not samples or samples[-1].answered < count:
            answered = int(worker.metrics()["severity_reports_in_total"])
            now = time.perf_counter()
            if not samples or answered > samples[-1].answered:
                moved = now
            if now - moved > START_SECONDS:
                raise RuntimeError(f"{answered:,} of {filed:,} answered, and none for {START_SECONDS:.0f} s")
            samples.append(Sample(now - began, answered, resident_mb(worker.process.pid)))
            show(answered)
            while filed < min(count, answered + AHEAD):
                chunk = min(CHUNK, count - filed)
                filer.ask((filed, chunk))
                filed += chunk
            if not filer.alive:
                filer.answer()  # says why
            time.sleep(SAMPLE_SECONDS)
    return samples


def _file(connection: Connection, kafka: KafkaSettings, load: Load) -> None:
    while True:
        first, count = connection.recv()
        put(kafka, topics.CRIME_REPORTS, map(load.message, range(first, first + count)))


def figures(samples: Sequence[Sample], count: int) -> dict[str, float]:
    """What is told of a course."""
    warm = next(place for place, sample in enumerate(samples) if sample.answered >= WARM_UP * count)
    smooth = [median(window) for window in _windows([sample.resident_mb for sample in samples[warm:]])]
    at = np.array([sample.at for sample in samples[warm:]])
    slope = np.polyfit(at, [sample.resident_mb for sample in samples[warm:]], 1)[0]
    return {
        "warm_mb": smooth[0],
        "most_mb": max(smooth),
        "last_mb": smooth[-1],
        "growth": max(smooth) / smooth[0],
        "trend_mb_per_million": float(slope * (at[-1] - at[0]) / ((count - samples[warm].answered) / 1e6)),
        "seconds": samples[-1].at,
        "per_second": count / samples[-1].at,
    }


def _windows(values: Sequence[float]) -> Iterable[Sequence[float]]:
    return (values[place : place + WINDOW] for place in range(max(1, len(values) - WINDOW + 1)))


def draw(result: dict[str, Any]) -> Figure:
    """Resident memory by reports answered."""
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.subplots()
    answered = [sample["answered"] / 1e6 for sample in result["samples"]]
    axes.plot(answered, [sample["resident_mb"] for sample in result["samples"]], color=report.COLOURS["scored_eos"])
    axes.axhspan(result["warm_mb"], MOST_GROWTH * result["warm_mb"], color=report.FAINT, alpha=0.2, lw=0)
    axes.axvline(WARM_UP * result["reports"] / 1e6, color=report.FAINT, lw=0.8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("reports answered, millions")
    axes.set_title("resident memory of one scorer, MB; grey: what it may be after the warm-up", loc="left", fontsize=9)
    report.plain(axes)
    report.titled(figure, "Memory over a long run", report.caption(result))
    return figure


def show(result: dict[str, Any], check: Demand, console: Console) -> None:
    """Print the figures."""
    words = {
        "warm_mb": "MB after the warm-up",
        "most_mb": "MB, most after it",
        "last_mb": "MB in the end",
        "trend_mb_per_million": "MB more a million reports (a straight line through all)",
        "per_second": "reports/s",
        "seconds": "seconds",
    }
    rows = [[told, f"{result[key]:,.1f}"] for key, told in words.items()]
    console.print(report.table(f"One scorer over {result['reports']:,} reports", ["", ""], rows))
    console.print(str(check), highlight=False)
    console.print(report.caption(result), highlight=False)


def main(
    reports: Annotated[int, typer.Option(min=1000, help="How many.")] = 5_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for memory.json and memory.png.")] = Path("bench-results"),
) -> None:
    """Measure the memory of one scorer over a long run. Some minutes."""
    console = report.console()
    began, loads = datetime.now(UTC).isoformat(), [report.load_average()]
    with ground(lapd, own_topics(), 1, console) as base, scorer(base.kafka, base.keys) as worker:
        worker.wait()
        with report.progress(console) as bar:
            task = bar.add_task("reports", total=reports)
            samples = work(base, reports, worker, lambda answered: bar.update(task, completed=answered))
    loads.append(report.load_average())
    found = figures(samples, reports)
    check = Demand("resident memory after the warm-up, most to first", found["growth"], most=MOST_GROWTH, unit=" ×")
    result = {
        "reports": reports,
        **found,
        "samples": [asdict(sample) for sample in samples],
        "demands": [check.as_json()],
        "brokers": 1,
        "load": base.source,
        "load_averages": loads,
        "machine": report.machine(),
        "began": began,
    }
    show(result, check, console)
    report.save(result, draw(result), out, "memory", console)
    if as_json:
        print(json.dumps(result))


def own_topics() -> list[TopicSpec]:
    """The contract's topics; of reports and priorities only the newest are kept."""
    kept = {"retention.bytes": str(KEPT_BYTES), "segment.bytes": str(KEPT_BYTES // 4)}
    large = (topics.CRIME_REPORTS, topics.PRIORITIES)
    return [
        TopicSpec(spec.name, spec.partitions, config={**spec.config, **(kept if spec.name in large else {})})
        for spec in topic_specs()
    ]


if __name__ == "__main__":
    typer.run(main)
