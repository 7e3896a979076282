"""How long does a report wait for its priority? `python -m bench.latency [--json] [--lapd FILE] [--brokers 3]`.

Starts a Kafka of its own and every worker, then lets the variants take turns on the same warm broker with the same
reports, round after round, each round in another order, so that a busy neighbour slows them alike:

direct      no worker: from the sender to the reader. The floor.
pass_alo    the loop, at least once, with a handler that passes records on
pass_eos    the same exactly once: one transaction a batch
scored_alo  the scorer as deployed (validation, model, rules, reasons), at least once
scored_eos  the same exactly once: what runs in earnest

A report's time goes from its handing over to the sender's client until a reader of committed messages has the answer.
Sender and reader are processes of their own; those variants whose turn it is not are up and idle. A turn's first
second is not counted, nor is the whole first round. Figures are medians over the rounds; in brackets the least and the
most. Differences below 30 % in p50 or twofold in p99 are noise unless the machine is quiet: see the load average.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console

from bench import report
from bench.ground import Ground, ground, warm_up
from bench.load import Filer, Listener, ends
from bench.passing import passing
from bench.report import Demand
from bench.worker import Worker, scorer
from cli.topics import topic_specs
from schemas import topics
from transport.topics import TopicSpec

VARIANTS: Final = ("direct", "pass_alo", "pass_eos", "scored_alo", "scored_eos")
FIGURES: Final = ("p50_ms", "p95_ms", "p99_ms", "max_ms")

WARM_SECONDS: Final = 5.0
SETTLE_SECONDS: Final = 1.0
"""Start of each turn that is not counted: a worker that was idle until now."""

DEMANDS: Final = {100.0: (5.0, 12.0), 1000.0: (7.0, 25.0)}
"""Reports a second: most p50 and p99 in ms of the scorer exactly once, on a quiet machine."""

PARTITIONS: Final = 4


@dataclass(slots=True)
class Course:
    """Figures of every turn by rate and variant, and the load average before each round, the warm-up's too."""

    turns: dict[tuple[float, str], list[dict[str, float]]] = field(default_factory=dict)
    loads: list[list[float] | None] = field(default_factory=list)
    again: int = 0


def topic_of(variant: str) -> str:
    """Where a variant's reports are filed."""
    return f"bench-{variant.replace('_', '-')}"


def answers_of(variant: str) -> str:
    """Where its answers come out."""
    if variant.startswith("scored"):
        return topics.PRIORITIES
    return topic_of(variant) if variant == "direct" else f"{topic_of(variant)}-out"


def own_topics() -> list[TopicSpec]:
    """The contract's topics and those of the variants, with their dead letters."""
    names = {topic_of(variant) for variant in VARIANTS} | {answers_of(variant) for variant in VARIANTS}
    letters = {topics.dead_letters(topic_of(variant)) for variant in VARIANTS if variant.startswith("scored")}
    known = topic_specs(PARTITIONS)
    return [
        *known,
        *(TopicSpec(name, PARTITIONS) for name in sorted((names | letters) - {spec.name for spec in known})),
    ]


def worker(variant: str, base: Ground) -> Worker:
    """The process that answers a variant's reports, being started."""
    delivery = "exactly-once" if variant.endswith("eos") else "at-least-once"
    own = base.kafka.model_copy(update={"delivery": delivery})
    if variant.startswith("pass"):
        return passing(own, topic_of(variant), answers_of(variant))
    return scorer(own, base.keys, topics=topic_of(variant), group_id=f"scorer-{variant}")


def rounds_of(rates: Sequence[float], rounds: int) -> list[tuple[float, int, tuple[str, ...]]]:
    """(rate, round, order of the variants); round 0 only warms up; each begins with another variant."""
    made = []
    for rate in rates:
        for number in range(rounds + 1):
            shift = number % len(VARIANTS)
            made.append((rate, number, (*VARIANTS[shift:], *VARIANTS[:shift])))
    return made


def measure(base: Ground, rates: Sequence[float], rounds: int, seconds: float, console: Console) -> Course:
    """Let the variants take their turns."""
    course, first = Course(), 0
    plan = rounds_of(rates, rounds)
    places = ends(base.kafka, sorted({answers_of(variant) for variant in VARIANTS}))
    with (
        Filer(base.kafka, base.load) as filer,
        Listener(base.kafka, places) as listener,
        report.progress(console) as bar,
    ):
        task = bar.add_task("", total=len(plan) * len(VARIANTS))
        for rate, number, order in plan:
            course.loads.append(report.load_average())
            counting = seconds if number else min(seconds, WARM_SECONDS)
            for variant in order:
                bar.update(task, description=f"{rate:g}/s, {f'round {number}' if number else 'warm-up'}, {variant}")
                count = int(rate * (counting + SETTLE_SECONDS))
                filer.begin(topic_of(variant), first, count, rate)
                sent, heard = filer.sent(), listener.heard(first, count)
                if not heard.arrived.all():
                    raise RuntimeError(f"{variant}: {(heard.arrived == 0).sum()} of {count} reports were not answered")
                if number:
                    counted = slice(int(rate * SETTLE_SECONDS), None)
                    figures = figures_of((heard.arrived - sent)[counted] / 1e6)
                    course.turns.setdefault((rate, variant), []).append(figures)
                first, course.again = first + count, heard.again
                bar.advance(task)
    return course


def figures_of(milliseconds: NDArray[np.float64]) -> dict[str, float]:
    """Percentiles of one turn."""
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    return dict(zip(FIGURES, map(float, (p50, p95, p99, milliseconds.max())), strict=True))


def demands(rates: dict[str, dict[str, Any]]) -> list[Demand]:
    """What the scorer exactly once has to keep."""
    found = []
    for rate, variants in rates.items():
        ours, passed = variants["scored_eos"], variants["pass_eos"]
        added = ours["p50_ms"] - passed["p50_ms"]
        at = f"at {rate}/s, scored_eos"
        found.append(Demand(f"{at} p50 above pass_eos", added, most=1.5, unit=" ms"))
        found.append(Demand(f"{at} p99 / pass_eos", ours["p99_ms"] / passed["p99_ms"], most=1.3))
        if limits := DEMANDS.get(float(rate)):
            found.append(Demand(f"{at} p50", ours["p50_ms"], most=limits[0], unit=" ms"))
            found.append(Demand(f"{at} p99", ours["p99_ms"], most=limits[1], unit=" ms"))
    return found


def show(result: dict[str, Any], checks: Sequence[Demand], console: Console) -> None:
    """Print the tables."""
    for rate, variants in result["rates"].items():
        rows = []
        for variant in VARIANTS:
            row = variants[variant]
            ratio = row["p50_ms"] / variants["pass_eos"]["p50_ms"], row["p99_ms"] / variants["pass_eos"]["p99_ms"]
            spread = (report.with_spread([each[figure] for each in row["rounds"]]) for figure in FIGURES)
            rows.append([variant, *spread, f"{ratio[0]:.2f}", f"{ratio[1]:.2f}"])
        columns = ["ms", "p50", "p95", "p99", "max", "p50 / pass_eos", "p99 / pass_eos"]
        console.print(report.table(f"{rate} reports/s, {result['rounds']} rounds", columns, rows))
    for check in checks:
        console.print(str(check), highlight=False)
    console.print(f"{report.caption(result)}; answered twice: {result['answered_twice']}", highlight=False)


def draw(result: dict[str, Any]) -> Figure:
    """p50 and p99 of each variant, a dot a round, the median as a line."""
    rates = result["rates"]
    figure = Figure(figsize=(5.2 * len(rates), 4.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(rates), sharey=True))
    for axes, (rate, variants) in zip(panels, rates.items(), strict=True):
        for place, variant in enumerate(VARIANTS):
            for offset, (figure_name, marker) in enumerate((("p50_ms", "o"), ("p99_ms", "^"))):
                x, values = place + 0.3 * offset - 0.15, [each[figure_name] for each in variants[variant]["rounds"]]
                colour = report.COLOURS[variant]
                axes.plot([x] * len(values), values, marker, color=colour, alpha=0.45, markersize=5, linewidth=0)
                axes.hlines(variants[variant][figure_name], x - 0.13, x + 0.13, color=colour, linewidth=2.5)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
        axes.set_xticks(range(len(VARIANTS)), VARIANTS)
        axes.set_title(f"{rate} reports/s: p50 (dots), p99 (triangles)", loc="left", color=report.INK, fontsize=10)
        report.plain(axes)
    report.titled(figure, "From a report's sending to its answer", report.caption(result))
    return figure


def main(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    rates: Annotated[str, typer.Option(help="Reports a second, comma-separated.")] = "100,1000",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count; fewer than 5 prove nothing.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of a turn that count.")] = 10.0,
    brokers: Annotated[int, typer.Option(help="1, or 3 with replication 3 and min.insync.replicas 2.")] = 1,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for latency.json and latency.png.")] = Path("bench-results"),
) -> None:
    """Measure the way of a report, from its sending to its priority at a reader of committed messages.

    The variants direct, pass_alo, pass_eos, scored_alo and scored_eos take turns on one warm broker. Lasts about
    rates × (rounds + 1) × 5 × (seconds + 1): eleven minutes as it is, after two for warming the broker up.
    """
    console = report.console()
    chosen = [float(rate) for rate in rates.split(",")]
    with ExitStack() as stack:
        base = stack.enter_context(ground(lapd, own_topics(), brokers, console))
        warm_up(base, console)
        console.print("Starting the workers …")
        for started in [stack.enter_context(worker(variant, base)) for variant in VARIANTS[1:]]:
            started.wait()
        course = measure(base, chosen, rounds, seconds, console)
    by_rate = {
        f"{rate:g}": {variant: medians_of(course.turns[rate, variant]) for variant in VARIANTS} for rate in chosen
    }
    checks = demands(by_rate)
    result = {
        "rates": by_rate,
        "rounds": rounds,
        "seconds": seconds,
        "brokers": brokers,
        "load": base.source,
        "message_bytes": base.load.mean_bytes,
        "answered_twice": course.again,
        "demands": [check.as_json() for check in checks],
        "load_averages": course.loads,
        "machine": report.machine(),
        "began": datetime.now(UTC).isoformat(),
    }
    show(result, checks, console)
    report.save(result, draw(result), out, "latency", console)
    if as_json:
        print(json.dumps(result))


def medians_of(rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Medians, and the rounds that they are of."""
    return {**report.medians(rounds), "rounds": rounds}


if __name__ == "__main__":
    typer.run(main)
