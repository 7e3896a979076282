"""What a chaos run comes to: figures, a table, and a picture of what arrived when."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.arrivals import Gap
from bench.checking import Verdict
from bench.crew import Exit

LONGEST_GAP: Final = 10.0
"""Seconds: the demand."""

NOTABLE_GAP: Final = 0.5
MOST_GAPS: Final = 20
SHORTLY: Final = 0.2
"""Seconds: what a dead worker had sent may still arrive."""

INK, BLUE, RED, AMBER = "#22303c", "#1f6f9f", "#b23a48", "#c98a1b"
COLOURS: Final = {"worker killed": RED, "broker killed": AMBER}


class Event(NamedTuple):
    """What was done, when by `time.perf_counter()`, and to whom."""

    at: float
    kind: str
    who: str


@dataclass(frozen=True, slots=True)
class Course:
    """All that is known about a run; seconds of `time.perf_counter()`."""

    verdict: Verdict
    events: Sequence[Event]
    exits: Sequence[Exit]
    last_codes: Sequence[int]
    """Exit codes of the workers that were told to end, at the end."""
    gaps: Sequence[Gap]
    waits: NDArray[np.float64]
    """Seconds from each report's filing to its first priority (n,)."""
    arrived: NDArray[np.float64]
    since: float
    until: float


def figures(course: Course) -> dict[str, Any]:
    """What goes into the JSON, the demands' keys first."""
    verdict, notable = course.verdict, _notable(course)
    kinds = {gap: _cause(gap, course.events) for gap in notable}
    by_kind = {
        kind: _spread(gap.seconds for gap in notable if kinds[gap] == kind) for kind in sorted(set(kinds.values()))
    }
    takeover = [_gap_around(event, notable) for event in course.events if "away for" in event.kind]
    return {
        "sent": verdict.sent,
        "priorities": verdict.priorities,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "longest_gap_s": round(max((gap.seconds for gap in course.gaps), default=0.0), 3),
        "faults": verdict.faults,
        "examples": verdict.examples,
        "out_of_order": verdict.out_of_order,
        "wrong": verdict.wrong,
        "gaps_s": by_kind,
        "takeover_s": _spread(takeover),
        "wait_s": {
            "p50": round(float(np.nanmedian(course.waits)), 4),
            "p99": round(float(np.nanpercentile(course.waits, 99)), 3),
            "max": round(float(np.nanmax(course.waits)), 3),
        },
        "events": dict(Counter(event.kind for event in course.events)),
        "exits": [
            {"slot": one.slot, "after_s": round(one.at - course.since, 1), "code": one.code, "why": why(one.lines)}
            for one in course.exits
        ],
        "timeline": [[round(event.at - course.since, 2), event.kind, event.who] for event in course.events],
        "longest_gaps": [
            {"from_s": round(gap.begin - course.since, 2), "seconds": round(gap.seconds, 2), "partition": gap.partition}
            for gap in sorted(notable, key=lambda gap: -gap.seconds)[:MOST_GAPS]
        ],
        "last_exit_codes": [*course.last_codes],
        "seconds": round(course.until - course.since, 1),
    }


def why(lines: Sequence[str]) -> str:
    """The line in which a worker says why it ended, else its last one."""
    told = [line for line in lines if line.startswith(("stuck: ", "severity scorer: "))]
    return (told or [*lines] or ["it said nothing"])[-1].strip()


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(stderr=True)
    what = Table(title=f"{result['kills']} kills, {result['rate']:g} reports/s, {result['workers']} workers, "
                       f"{result['brokers']} broker(s), {result['seconds']:.0f} s")  # fmt: skip
    for heading in (
        "filed",
        "priorities",
        "lost",
        "doubled",
        "out of order",
        "wrong",
        "longest gap s",
        "longest wait s",
    ):
        what.add_column(heading, justify="right")
    what.add_row(
        *(f"{result[key]:,}" for key in ("sent", "priorities", "lost", "doubled", "out_of_order", "wrong")),
        f"{result['longest_gap_s']:.1f} ({'met' if result['longest_gap_s'] <= LONGEST_GAP else 'NOT met'})",
        f"{result['wait_s']['max']:.1f}",
    )
    console.print(what)
    gaps = Table(
        title=f"times of {NOTABLE_GAP:g} s and more without an arrival from a partition, by what happened in it"
    )
    for heading in ("what", "count", "p50 s", "max s"):
        gaps.add_column(heading, justify="left" if heading == "what" else "right")
    for kind, spread in result["gaps_s"].items():
        gaps.add_row(kind, str(spread["count"]), f"{spread['p50']:.1f}", f"{spread['max']:.1f}")
    console.print(gaps)
    for one in result["exits"]:
        said = f"slot {one['slot']} ended by itself after {one['after_s']:g} s, code {one['code']}: {one['why']}"
        console.print(said, markup=False)
    for example in result["examples"]:
        console.print(f"[red]{example}[/red]")
    console.print(f"load average {result['load_average']}; {result['machine']}")


def draw(course: Course, result: dict[str, Any], path: Path) -> None:
    """Write a PNG: arrivals a second, and below them the gaps, with each kill."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    seconds = np.arange(0, course.until - course.since + 1)
    counts, _ = np.histogram(course.arrived - course.since, seconds)
    above.step(seconds[:-1], counts, where="post", color=BLUE, linewidth=0.8)
    above.set_ylabel("priorities a second", color=INK)
    above.set_ylim(0)
    notable = _notable(course)
    below.hlines(
        [gap.seconds for gap in notable],
        [gap.begin - course.since for gap in notable],
        [gap.end - course.since for gap in notable],
        color=BLUE,
        linewidth=2,
    )
    below.axhline(LONGEST_GAP, color=INK, linewidth=0.8, linestyle=":")
    for start, colour in COLOURS.items():
        moments = [event.at - course.since for event in course.events if event.kind.startswith(start)]
        below.vlines(moments, 0, 0.5, color=colour, linewidth=1, label=start)
    below.set_ylim(0)
    below.set_ylabel("seconds without an arrival\nfrom a partition", color=INK)
    below.set_xlabel("seconds", color=INK)
    below.legend(loc="upper right", frameon=False)
    above.set_title(
        f"{result['kills']} kills at {result['rate']:g} reports/s: {result['sent']:,} filed, {result['lost']} lost, "
        f"{result['doubled']} doubled, longest gap {result['longest_gap_s']:.1f} s",
        loc="left",
        color=INK,
    )
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=160)


def _notable(course: Course) -> list[Gap]:
    return [gap for gap in course.gaps if gap.seconds >= NOTABLE_GAP]


def _cause(gap: Gap, events: Sequence[Event]) -> str:
    """The first thing that happened in it; a worker that joins or leaves moves partitions a little later."""
    within = (event.kind for event in events if gap.begin - SHORTLY <= event.at <= gap.end)
    return next(within, "nothing done to it")


def _gap_around(event: Event, gaps: Sequence[Gap]) -> float:
    around = (gap.seconds for gap in gaps if gap.begin - SHORTLY <= event.at <= gap.end)
    return max(around, default=0.0)


def _spread(values: Iterable[float]) -> dict[str, float]:
    all_of_them = [*values] or [0.0]
    middle, largest = float(np.median(all_of_them)), max(all_of_them)
    return {"count": len(all_of_them), "p50": round(middle, 3), "max": round(largest, 3)}
