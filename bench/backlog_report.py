"""The tables and the picture of `bench.backlog`."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from bench import report
from bench.report import Demand

FIGURES: Final = {
    "first_fresh_s": "from the assignment to the first fresh priority, s",
    "longest_fresh_s": "longest wait of a fresh report, s",
    "last_fresh_s": "wait of a fresh report in the end, s",
    "worked_off_s": "worked off after, s",
    "per_second": "reports/s",
    "largest_batch": "records of the largest transactions",
    "last_batch": "records of a transaction in the end",
    "answered_twice": "answered twice",
}
BEFORE: Final = 3.0
"""Seconds before the assignment that the picture shows."""

ROWS: Final = 10
"""Of the table of waiting over time."""


def show(result: dict[str, Any], cases: Sequence[str], checks: Sequence[Demand], console: Console) -> None:
    """Print the tables."""
    rows = [["reports waiting", *(f"{result[name]['waiting']:,}" for name in cases)]]
    for key, words in FIGURES.items():
        rows.append([words, *(report.with_spread([each[key] for each in result[name]["rounds"]]) for name in cases)])
    console.print(report.table(f"One scorer, exactly once, {result['rounds']} rounds", ["", *cases], rows))
    for name in cases:
        title = f"{name}, last round: what a fresh report waits while the backlog shrinks"
        columns = ["s since the assignment", "left", "records a transaction", "wait of a fresh report s"]
        console.print(report.table(title, columns, _over_time(result[name]["rounds"][-1])))
    for check in checks:
        console.print(str(check), highlight=False)
    console.print(report.caption(result), highlight=False)


def _over_time(course: dict[str, Any]) -> list[list[str]]:
    """Some moments of a course, evenly spread."""
    samples, fresh = course["samples"], course["fresh"]
    sent = np.array([each["sent"] for each in fresh])
    waits = np.array([each["arrived"] for each in fresh]) - sent
    rows = []
    for place in np.unique(np.linspace(0, len(samples) - 1, ROWS).round().astype(int)):
        sample = samples[place]
        wait = waits[np.abs(sent - sample["at"]).argmin()]
        batch = f"{sample['batch']:,.0f}" if sample["batch"] else "–"  # none ended since the moment before
        rows.append([f"{sample['at']:.1f}", f"{sample['left']:,.0f}", batch, f"{wait:.2f}"])
    return rows


def draw(result: dict[str, Any], cases: Sequence[str]) -> Figure:
    """Left, batch size and waiting over time: a column a case, a faint line a round, the last one strong."""
    figure = Figure(figsize=(5.4 * len(cases), 7.0), layout="constrained")
    grid = figure.subplots(3, len(cases), sharex="col", squeeze=False)
    for column, name in enumerate(cases):
        top, middle, bottom = grid[:, column]
        for number, course in enumerate(result[name]["rounds"], start=1):
            style = {"color": report.COLOURS["scored_eos"], "alpha": 1.0 if number == result["rounds"] else 0.3}
            at = [sample["at"] for sample in course["samples"]]
            top.plot(at, [sample["left"] for sample in course["samples"]], **style)
            middle.plot(at, [sample["batch"] or np.nan for sample in course["samples"]], ".-", **style)
            fresh = [(each["sent"], each["arrived"] - each["sent"]) for each in course["fresh"]]
            bottom.plot(*zip(*fresh, strict=True), ".", markersize=3, **style)
        _name(top, f"{name}: reports left of {result[name]['waiting']:,}")
        _name(middle, "records a transaction")
        _name(bottom, "wait of a fresh report, s, by when it was filed")
        middle.set_yscale("log")
        bottom.set_yscale("log")
        for axes in (middle, bottom):
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        top.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        bottom.set_xlim(left=-BEFORE)
        bottom.set_xlabel("seconds since the first assignment", color=report.INK)
    report.titled(figure, "A backlog is worked off while fresh reports come", report.caption(result))
    return figure


def _name(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=report.INK, fontsize=10)
    axes.axvline(0, color=report.FAINT, linewidth=0.8)
    report.plain(axes)
