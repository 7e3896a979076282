"""The table for people, and the plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.peers.roster import OURS, ROSTER, Peer


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print a table for each rate and one of backlogs, the demands, and who is missing."""
    peers = measured(result)
    for rate, rows in result["rates"].items():
        console.print(_latencies(f"{rate} reports/s, ms", rows, peers, result["rounds"]))
    console.print(_backlogs(result, peers))
    for peer in peers:
        console.print(f"{peer.name}: {peer.title}", markup=False)
    for each in result["demands"]:
        verdict = "met" if each["met"] else "NOT met"
        what = f"{each['rate']}/s: {OURS} {each['figure'].removesuffix('_ms')} / that of {each['against']}"
        console.print(f"{what}: {each['ratio']:.3f} (demand: at most {each['limit']:g}): {verdict}", markup=False)
    for name, reason in result["left_out"].items():
        console.print(f"{name} is left out: {reason}", markup=False)
    loads = ", ".join(f"{load:.1f}" for load in result["load_averages"])
    console.print(f"load average before each round: {loads}; {result['machine']}", markup=False)


def _latencies(title: str, rows: Mapping[str, Any], peers: Sequence[Peer], rounds: int) -> Table:
    table = Table(title=f"{title}: median of {rounds} rounds (lowest–highest), ratio to {OURS}")
    for heading in ("peer", "guarantee"):
        table.add_column(heading, no_wrap=True)
    for heading in ("p50", "×", "p95", "p99", "×", "max"):
        table.add_column(heading, justify="right")
    ours = rows.get(OURS)
    for peer in peers:
        if row := rows.get(peer.name):
            p50, p99 = (_spread(row, key) for key in ("p50_ms", "p99_ms"))
            cells = [p50, _ratio(row, ours, "p50_ms"), f"{row['p95_ms']:.1f}", p99, _ratio(row, ours, "p99_ms")]
            table.add_row(peer.name, peer.guarantee, *cells, f"{row['max_ms']:.0f}", style=_style(peer))
    return table


def _backlogs(result: Mapping[str, Any], peers: Sequence[Peer]) -> Table:
    table = Table(title=f"a backlog, messages/s: median of {result['rounds']} rounds, ratio to {OURS}")
    for heading in ("peer", "guarantee"):
        table.add_column(heading, no_wrap=True)
    for heading in ("median (lowest–highest)", "×", "reports waiting"):
        table.add_column(heading, justify="right")
    ours = result["backlog"].get(OURS)
    for peer in peers:
        if row := result["backlog"].get(peer.name):
            cell = f"{row['per_second']:,.0f} ({_between(row['rounds'], ',.0f')})"
            waiting = f"{min(row['waiting']):,}"
            table.add_row(peer.name, peer.guarantee, cell, _ratio(row, ours, "per_second"), waiting, style=_style(peer))
    return table


def _ratio(row: Mapping[str, Any], ours: Mapping[str, Any] | None, key: str) -> str:
    return f"{row[key] / ours[key]:.2f}" if ours else ""


def _style(peer: Peer) -> str | None:
    return "bold" if peer.name == OURS else None


def measured(result: Mapping[str, Any]) -> list[Peer]:
    """The peers that have figures, as listed."""
    return [peer for peer in ROSTER if any(peer.name in rows for rows in result["rates"].values())]


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Latencies as bars from p50 to p99 on a logarithmic axis, and the backlog."""
    from matplotlib.figure import Figure  # takes half a second, and only here

    peers = list(reversed(measured(result)))
    places = range(len(peers))
    figure = Figure(figsize=(15, 1.5 + 0.42 * len(peers)), layout="constrained")
    axes = figure.subplots(1, len(result["rates"]) + 1, sharey=True, squeeze=False)[0]
    for axis, (rate, rows) in zip(axes, result["rates"].items(), strict=False):
        for place, peer in zip(places, peers, strict=True):
            if row := rows.get(peer.name):
                axis.plot(
                    [row["p50_ms"], row["p99_ms"]], [place, place], "-", color=_colour(peer), linewidth=5, alpha=0.5
                )
                axis.plot([row["p50_ms"]], [place], "o", color=_colour(peer))
        axis.set_xscale("log")
        axis.set_title(f"{rate} reports/s: p50 (dot) to p99")
        axis.set_xlabel("ms")
        axis.grid(axis="x", alpha=0.3)
    speeds = [result["backlog"].get(peer.name, {"per_second": 0.0})["per_second"] for peer in peers]
    axes[-1].barh(places, speeds, color=[_colour(peer) for peer in peers])
    axes[-1].set_title("a backlog")
    axes[-1].set_xlabel("messages/s")
    axes[0].set_yticks(places, [f"{peer.title}\n{peer.name}, {peer.guarantee}" for peer in peers], fontsize=7)
    figure.savefig(path, dpi=110)


def _colour(peer: Peer) -> str:
    return {"exactly once": "tab:blue", "at least once": "tab:orange"}.get(peer.guarantee, "tab:gray")


def _spread(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]:.1f} ({_between([each[key] for each in row['rounds']], '.1f')})"


def _between(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}}–{max(values):{form}}"
