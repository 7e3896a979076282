"""The table for people, and the plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.peers.roster import OURS, ROSTER, Peer


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print medians, the spread of the rounds, ratios to ours, demands, and who is missing."""
    rates, backlog = result["rates"], result["backlog"]
    title = f"median of {result['rounds']} alternating rounds (lowest–highest); × = p50 against ours, {OURS}"
    table = Table(title=title)
    table.add_column("peer")
    table.add_column("guarantee")
    for rate in rates:
        table.add_column(f"{rate}/s p50 ms", justify="right")
        table.add_column("p99 ms", justify="right")
        table.add_column("×", justify="right")
    table.add_column("backlog, messages/s", justify="right")
    for peer in measured(result):
        cells = [f"{peer.name}: {peer.title}", peer.guarantee]
        for rows in rates.values():
            row, ours = rows.get(peer.name), rows.get(OURS)
            if row is None:
                cells += ["", "", ""]
                continue
            cells += [_spread(row, "p50_ms"), _spread(row, "p99_ms")]
            cells.append(f"{row['p50_ms'] / ours['p50_ms']:.2f}" if ours else "")
        speeds = backlog.get(peer.name)
        cells.append(f"{speeds['per_second']:,.0f} ({_between(speeds['rounds'], ',.0f')})" if speeds else "")
        table.add_row(*cells, style="bold" if peer.name == OURS else None)
    console.print(table)
    for each in result["demands"]:
        verdict = "met" if each["met"] else "NOT met"
        what = f"{each['rate']}/s: {OURS} {each['figure'].removesuffix('_ms')} / that of {each['against']}"
        console.print(f"{what}: {each['ratio']:.3f} (demand: at most {each['limit']:g}): {verdict}", markup=False)
    for name, reason in result["left_out"].items():
        console.print(f"{name} is left out: {reason}", markup=False)
    console.print(f"load average before each round: {result['load_averages']}; {result['machine']}", markup=False)


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
