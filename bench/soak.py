"""Does anything grow while everything runs? `python -m bench.soak [--minutes 20] [--rate 200] [--json]`.

Starts a Kafka of its own, two scorers, a trainer and a simulated city, as deployed and exactly once, each a process of
its own. The city files reports, corrections, outcomes and audit answers at a steady rate; the trainer stores them, and
trains and releases beside. The resident memory of each process is read every second.

What is remembered by report is bounded, and set small here (`REMEMBERED`), so that it is full within the warm-up, the
first `WARM_UP` of the time. The demands: after it no ten seconds of a service take over 5 % more than its end did;
every revision on `crime-reports` has one priority; the rate was kept. The city is no service: its memory is only shown.
A run under `LEAST_MINUTES` judges no memory.

Needs /proc, so Linux, and a GB of disk.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import typer
from matplotlib.figure import Figure
from rich.console import Console

from bench import report
from bench.ground import Ground, ground
from bench.memory import MOST_GROWTH, SAMPLE_SECONDS, WINDOW, resident_mb
from bench.report import Demand
from bench.topic_reading import read_topics
from bench.worker import Worker, scorer
from cli.topics import topic_specs
from schemas import topics

SERVICES: Final = ("scorer 0", "scorer 1", "trainer")
CITY: Final = "city"

CITY_SETTINGS: Final = {"SEVERITY_CAD__OUTCOME_DELAY_SECONDS": "20"}
"""What is solved is solved soon, so that there is something to learn from."""

REMEMBERED: Final = 5_000
"""Reports that a scorer remembers, and that the trainer's live scores do."""

EVERY_OUTCOMES: Final = 4_000
"""A training each, with a release when it is better: some minutes' outcomes."""

WARM_UP: Final = 0.4
LEAST_MINUTES: Final = 2.0
SETTLE_SECONDS: Final = 60.0
"""How long the scorers may take for what is left when the city has ended."""

LEAST_RATE: Final = 0.95


def start(base: Ground, rate: float, stack: ExitStack) -> dict[str, Worker]:
    """Every process, ready; the city last, which files from then on."""
    private = base.keys / "severity.private.pem"
    crew = {
        f"scorer {slot}": stack.enter_context(
            scorer(base.kafka.model_copy(update={"slot": slot}), base.keys, remembered_reports=REMEMBERED)
        )
        for slot in ("0", "1")
    }
    trainer = {
        "signing_key": private,
        "artefacts": base.keys.parent / "releases",
        "dataset": base.keys.parent / "dataset",
        "metrics_port": 0,
        "every_outcomes": EVERY_OUTCOMES,
        "cool_down_minutes": 2,
        "live_reports": REMEMBERED,
    }
    environment = {f"SEVERITY_TRAINER__{name.upper()}": str(value) for name, value in trainer.items()}
    crew["trainer"] = stack.enter_context(Worker(["-m", "cli.main", "trainer"], base.kafka, environment))
    for worker in crew.values():
        worker.wait()
    city = ["-m", "cli.main", "cad", "--rate", f"{rate:g}"]
    crew[CITY] = stack.enter_context(Worker(city, base.kafka, CITY_SETTINGS)).wait()
    return crew


def watch(crew: Mapping[str, Worker], seconds: float, console: Console) -> dict[str, list[float]]:
    """Resident memory of each process, in MB, once a second. Raises RuntimeError when one ends."""
    course: dict[str, list[float]] = {name: [] for name in crew}
    began = time.perf_counter()
    with report.progress(console) as bar:
        task = bar.add_task("seconds", total=round(seconds))
        while (passed := time.perf_counter() - began) < seconds:
            for name, worker in crew.items():
                if (code := worker.process.poll()) is not None:
                    raise RuntimeError(f"{name} ended with {code}: {''.join([*worker.lines][-5:])}")
                course[name].append(resident_mb(worker.process.pid))
            bar.update(task, completed=round(passed))
            time.sleep(SAMPLE_SECONDS)
    return course


def warm(values: Sequence[float]) -> list[float]:
    """Medians of ten seconds after the warm-up: what is fetched and not yet handled goes up and down."""
    values = values[int(WARM_UP * len(values)) :]
    return [median(values[place : place + WINDOW]) for place in range(max(1, len(values) - WINDOW + 1))]


def growth(values: Sequence[float]) -> float:
    """The most of any ten seconds after the warm-up, to those at its end."""
    return max(warm(values)) / warm(values)[0]


def answers(servers: str) -> dict[str, int]:
    """Revisions filed, those without a priority, and priorities that came twice."""
    filed = {_revision(record.value) for record in read_topics(servers, [topics.CRIME_REPORTS])}
    came = Counter(
        _revision(record.value) for record in read_topics(servers, [topics.PRIORITIES, topics.PRIORITIES_EXERCISE])
    )
    return {
        "filed": len(filed),
        "lost": len(filed - came.keys()),
        "doubled": sum(count - 1 for count in came.values()),
    }


def _revision(body: bytes | None) -> tuple[str, str, int]:
    said = json.loads(body or b"{}")
    return said["agency_id"], said["report_id"], said["revision"]


def settle(servers: str) -> dict[str, int]:
    """As `answers`, once nothing is missing any more or `SETTLE_SECONDS` are over."""
    deadline = time.perf_counter() + SETTLE_SECONDS
    while (found := answers(servers))["lost"] and time.perf_counter() < deadline:
        time.sleep(1.0)
    return found


def demands(
    course: Mapping[str, Sequence[float]], found: Mapping[str, int], minutes: float, rate: float
) -> list[Demand]:
    """What has to hold."""
    made = [
        Demand("revisions without a priority", found["lost"], most=0),
        Demand("priorities that came twice", found["doubled"], most=0),
        Demand("revisions filed a second", found["filed"] / (60 * minutes), least=LEAST_RATE * rate),
    ]
    if minutes >= LEAST_MINUTES:
        made += [
            Demand(
                f"memory of {name} after the warm-up, most to first", growth(course[name]), most=MOST_GROWTH, unit=" ×"
            )
            for name in SERVICES
        ]
    return made


def draw(result: dict[str, Any]) -> Figure:
    """Resident memory of each process over time."""
    course: dict[str, list[float]] = result["resident_mb"]
    figure = Figure(figsize=(9.0, 2.2 * len(course)), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(len(course), sharex=True), course.items(), strict=True):
        at = [second * result["minutes"] / len(values) for second in range(len(values))]
        axes.plot(at, values, color=report.COLOURS["scored_eos"], lw=0.9)
        if name in SERVICES:
            first = warm(values)[0]
            axes.axhspan(first, MOST_GROWTH * first, color=report.FAINT, alpha=0.2, lw=0)
        axes.axvline(WARM_UP * result["minutes"], color=report.FAINT, lw=0.8)
        axes.set_ylim(0, 1.15 * max(values))
        axes.set_title(f"{name}, MB", loc="left", fontsize=9)
        report.plain(axes)
    axes.set_xlabel("minutes; grey: what a service may be after the warm-up")
    report.titled(figure, "Resident memory while everything runs", report.caption(result))
    return figure


def show(result: dict[str, Any], made: Sequence[Demand], console: Console) -> None:
    """Print the figures."""
    rows = [
        [
            name,
            *(f"{figure:,.1f}" for figure in (values[0], warm(values)[0], max(values))),
        ]
        for name, values in result["resident_mb"].items()
    ]
    title = f"{result['minutes']:g} minutes at {result['rate']:g} reports/s, {result['releases']:g} releases"
    console.print(report.table(title, ["resident memory", "MB at first", "after the warm-up", "most"], rows))
    for demand in made:
        console.print(str(demand), highlight=False)
    console.print(report.caption(result), highlight=False)


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 20.0,
    rate: Annotated[float, typer.Option(min=1.0, help="Reports a second.")] = 200.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for soak.json and soak.png.")] = Path("bench-results"),
) -> None:
    """Run everything for a while and watch the memory of each process; exit code 1 when a demand is not met."""
    console = report.console()
    began, loads = datetime.now(UTC).isoformat(), [report.load_average()]
    with ground(None, topic_specs(), 1, console) as base, ExitStack() as stack:
        crew = start(base, rate, stack)
        course = watch(crew, 60 * minutes, console)
        releases = crew["trainer"].metrics()["severity_trainer_champion_release"]
        crew[CITY].close()
        found = settle(base.kafka.bootstrap_servers)
    loads.append(report.load_average())
    made = demands(course, found, minutes, rate)
    result = {
        "minutes": minutes,
        "rate": rate,
        "releases": releases,
        **found,
        "resident_mb": course,
        "demands": [one.as_json() for one in made],
        "brokers": 1,
        "load": base.source,
        "load_averages": loads,
        "machine": report.machine(),
        "began": began,
    }
    show(result, made, console)
    report.save(result, draw(result), out, "soak", console)
    if as_json:
        print(json.dumps(result))
    sys.exit(not all(one.met for one in made))


if __name__ == "__main__":
    typer.run(main)
