"""The tables and the picture of `bench.throughput`."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from bench import report
from bench.report import Demand

FIGURES: Final = ("per_second", "steady", "cpu_us")

ORDER: Final = (
    *("consume", "validate", "order", "rules", "features", "forest", "reasons"),
    *("encode", "produce", "commit", "other"),
)
"""Of the stages, as a report goes through them; those of another name come before `encode`."""


def ordered(stages: Sequence[str]) -> list[str]:
    """Stages as a report goes through them."""
    places = {stage: float(place) for place, stage in enumerate(ORDER)}
    return sorted(stages, key=lambda stage: places.get(stage, places["encode"] - 0.5))


def show(result: dict[str, Any], variants: Sequence[str], checks: Sequence[Demand], console: Console) -> None:
    """Print the tables."""
    rows = []
    for variant in variants:
        row = result[variant]
        spread = (report.with_spread([each[figure] for each in row["rounds"]]) for figure in FIGURES)
        ratio = row["per_second"] / result["pass_eos"]["per_second"]
        rows.append([variant, *spread, f"{ratio:.2f}", str(result["answered_twice"][variant])])
    title = f"A backlog of {result['reports']:,} reports, {result['rounds']} rounds"
    columns = ["", "reports/s", "steady reports/s", "processor µs a report", "/ pass_eos", "answered twice"]
    console.print(report.table(title, columns, rows))
    stages = ordered(list(result["stages_us"]))
    times = [report.with_spread([each[stage] for each in result["stages_rounds"]]) for stage in stages]
    total = report.with_spread([sum(each.values()) for each in result["stages_rounds"]])
    cells = [*zip(stages, times, strict=True), ("all", total)]
    console.print(report.table("Where the time of a report goes, scored_eos", ["stage", "µs a report"], cells))
    for check in checks:
        console.print(str(check), highlight=False)
    console.print(report.caption(result), highlight=False)


def draw(result: dict[str, Any], variants: Sequence[str]) -> Figure:
    """Reports a second of each variant with least and most, and the stages of a scored report on top of each other."""
    figure = Figure(figsize=(11.0, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    for place, variant in enumerate(variants):
        row = result[variant]
        rounds = [each["per_second"] for each in row["rounds"]]
        middle = row["per_second"]
        colour = report.COLOURS.get(variant, report.COLOURS["scored_eos"])
        left.bar(place, middle, color=colour, width=0.65)
        left.errorbar(place, middle, [[middle - min(rounds)], [max(rounds) - middle]], color=report.INK, capsize=4)
        left.text(place + 0.06, middle, f" {middle / 1000:.0f}k", color=report.INK, va="bottom", fontsize=9)
    left.set_xticks(range(len(variants)), variants, fontsize=9)
    left.yaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
    left.set_title("reports a second, median, least and most", loc="left", color=report.INK, fontsize=10)
    report.plain(left)
    stages = ordered(list(result["stages_us"]))
    values = np.array([result["stages_us"][stage] for stage in stages])
    right.barh(range(len(stages)), values, color=report.COLOURS["scored_eos"], height=0.65)
    for place, value in enumerate(values):
        right.text(max(value, 0), place, f" {value:.1f}", va="center", color=report.INK, fontsize=9)
    right.set_yticks(range(len(stages)), stages)
    right.invert_yaxis()
    title = f"µs of a report by stage, scored_eos: {values.sum():.0f} in all"
    right.set_title(title, loc="left", color=report.INK, fontsize=10)
    report.plain(right)
    right.grid(visible=False)
    report.titled(figure, f"Working off a backlog of {result['reports']:,} reports", report.caption(result))
    return figure
