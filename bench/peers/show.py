"""The tables for people, and the plot."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from bench import report
from bench.peers.roster import OURS, ROSTER, Peer
from bench.report import Demand

COLOURS: Final = {"exactly once": "#1f6f9f", "at least once": "#d08a3e", "-": report.FAINT}


def show(result: Mapping[str, Any], checks: Sequence[Demand], console: Console) -> None:
    """Print a table for each rate and one of backlogs, the demands, and who is missing."""
    peers, rounds = measured(result), f"median of {result['rounds']} rounds"
    for rate, rows in result["rates"].items():
        ours, lines = rows.get(OURS), []
        for peer in peers:
            if row := rows.get(peer.name):
                p50, p99 = (report.with_spread([each[key] for each in row["rounds"]]) for key in ("p50_ms", "p99_ms"))
                rest = [f"{row[key]:.1f}" for key in ("p95_ms", "max_ms")]
                ratios = [_ratio(row, ours, key) for key in ("p50_ms", "p99_ms")]
                lines.append([_name(peer), peer.guarantee, p50, ratios[0], rest[0], p99, ratios[1], rest[1]])
        columns = ["ms", "guarantee", "p50", "ratio", "p95", "p99", "ratio", "max"]
        console.print(report.table(f"{rate} reports/s, {rounds} (lowest–highest), ratio to {OURS}", columns, lines))
    ours, lines = result["backlog"].get(OURS), []
    for peer in peers:
        if row := result["backlog"].get(peer.name):
            ratio, waiting = _ratio(row, ours, "per_second"), f"{min(row['waiting']):,}"
            lines.append([_name(peer), peer.guarantee, report.with_spread(row["rounds"]), ratio, waiting])
    columns = ["messages/s", "guarantee", "median (lowest–highest)", "ratio", "reports waiting"]
    console.print(report.table(f"A backlog, {rounds}, ratio to {OURS}", columns, lines))
    for peer in peers:
        console.print(f"{peer.name}: {peer.title}", highlight=False)
    for check in checks:
        console.print(str(check), highlight=False)
    for name, reason in result["left_out"].items():
        console.print(f"{name} is left out: {reason}", markup=False)
    console.print(f"{report.caption(dict(result))}; load before each round: {result['load_averages']}", highlight=False)


def measured(result: Mapping[str, Any]) -> list[Peer]:
    """The peers that have figures, as listed."""
    return [peer for peer in ROSTER if any(peer.name in rows for rows in result["rates"].values())]


def draw(result: Mapping[str, Any]) -> Figure:
    """Latencies as bars from p50 to p99 on a logarithmic axis, and the speed at a backlog."""
    peers = measured(result)[::-1]
    places = range(len(peers))
    figure = Figure(figsize=(14, 1.8 + 0.45 * len(peers)), layout="constrained")
    *panels, last = np.atleast_1d(figure.subplots(1, len(result["rates"]) + 1, sharey=True))
    for axes, (rate, rows) in zip(panels, result["rates"].items(), strict=True):
        for place, peer in enumerate(peers):
            if row := rows.get(peer.name):
                colour = COLOURS[peer.guarantee]
                axes.hlines(place, row["p50_ms"], row["p99_ms"], color=colour, linewidth=6, alpha=0.4)
                axes.plot(row["p50_ms"], place, "o", color=colour, markersize=7)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
        axes.set_title(f"{rate} reports/s: p50 (dot) to p99", loc="left", color=report.INK, fontsize=10)
        report.plain(axes)
        axes.grid(axis="x", color="#e3e8ec", linewidth=0.8)
    speeds = [result["backlog"].get(peer.name, {"per_second": 0.0})["per_second"] / 1000 for peer in peers]
    last.barh(places, speeds, color=[COLOURS[peer.guarantee] for peer in peers], height=0.5)
    last.set_title("a backlog, thousand messages/s", loc="left", color=report.INK, fontsize=10)
    report.plain(last)
    panels[0].set_yticks(places, [f"{peer.title}\n{peer.name}, {peer.guarantee}" for peer in peers], fontsize=7)
    report.titled(figure, "From a report's sending to its result", report.caption(dict(result)))
    return figure


def _name(peer: Peer) -> str:
    return f"[bold]{peer.name}[/bold]" if peer.name == OURS else peer.name


def _ratio(row: Mapping[str, Any], ours: Mapping[str, Any] | None, key: str) -> str:
    return f"{row[key] / ours[key]:.2f}" if ours else ""
