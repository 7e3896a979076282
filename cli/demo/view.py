"""The demo's screen: priorities as they come, the flow, the releases, and how good and how fast it is."""

from collections.abc import Mapping
from typing import Final

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.demo.tally import Quality, Tally

LEVEL_STYLE: Mapping[int | None, str] = {
    5: "bold white on red",
    4: "bold red",
    3: "yellow",
    2: "green",
    1: "dim green",
    None: "magenta",
}


WIDE: Final = 120
"""Columns of a terminal from which all is shown."""

AROUND: Final = 7
"""Lines of the screen around the priorities."""


def screen(
    tally: Tally, title: str, training: str | None, share_done: float, left: str, size: ConsoleDimensions
) -> RenderableType:
    """The whole screen; `training` says what a training under way is at, `share_done` is 0 to 1."""
    layout = Layout()
    layout.split_column(
        Layout(Text(title, style="bold"), size=2),
        Layout(name="middle"),
        Layout(_progress(share_done, left), size=1),
    )
    layout["middle"].split_row(Layout(_priorities(tally, size)), Layout(_side(tally, training), size=44))
    return layout


def status_line(tally: Tally, seconds: float) -> str:
    """One line for a log or a pipe."""
    quality, latency = tally.quality(), tally.latency_ms()
    parts = [
        f"{seconds:5.0f} s",
        f"{len(tally.reports)} reports",
        f"{tally.priorities} priorities",
        f"{tally.outcomes.total()} outcomes",
        f"release {max(tally.scored_by, default=0) or 'none yet'}",
    ]
    if quality.labels:
        parts.append(f"accuracy {quality.accuracy:.3f} macro-F1 {quality.macro_f1:.3f} on {quality.labels}")
    if latency:
        parts.append(f"p50 {latency[0]:.0f} ms p99 {latency[1]:.0f} ms")
    return " · ".join(parts)


def _priorities(tally: Tally, size: ConsoleDimensions) -> RenderableType:
    wide = size.width >= WIDE
    table = Table(expand=True, box=None, pad_edge=False)
    for name in ("report", "level", "priority", *(("sure", "by") if wide else ())):
        table.add_column(name, no_wrap=True)
    table.add_column("why", ratio=1, no_wrap=True, overflow="ellipsis")
    for priority in list(reversed(tally.newest))[: max(size.height - AROUND, 1)]:
        style = LEVEL_STYLE[priority.severity]
        sure = "–"
        if priority.decided_by == "rule":
            sure = "rule"  # the model's probability of a level that a floor raised tells nothing
        elif priority.probabilities is not None and priority.severity is not None:
            sure = f"{priority.probabilities[priority.severity - 1]:.0%}"
        by = f"release {priority.model.release}" if priority.model else "rules"
        why = "; ".join(reason.text for reason in priority.reasons)
        # A model that is unsure says so; without a model a person looks at everything.
        if priority.needs_human_triage and not priority.degraded:
            why = f"? {why}"
        revision = f" rev {priority.revision}" if priority.revision > 1 else ""
        table.add_row(
            _plain(f"{priority.report_id.rpartition('-')[2]}{revision}"),
            Text(f" {priority.severity or '?'} ", style=style),
            _plain(priority.priority),
            *((sure, by) if wide else ()),
            _plain(why),
        )
    return Panel(table, title="newest priorities; level 5 the worst, P1 first; ?: a person should look")


def _plain(written: str) -> Text:
    """What a report brings along: its brackets are no markup, its control characters do not reach the terminal."""
    return Text("".join(character for character in written if character.isprintable()))


def _side(tally: Tally, training: str | None) -> RenderableType:
    return Group(
        Panel(_flow(tally), title="flow"),
        Panel(_releases(tally, training), title="model releases"),
        Panel(_quality(tally), title="right so far, on outcomes"),
    )


def _flow(tally: Tally) -> RenderableType:
    latency = tally.latency_ms()
    rows = {
        "reports in": str(len(tally.reports)),
        "priorities out": str(tally.priorities),
        "waiting": str(tally.lost),
        "dead-lettered": str(tally.dead_lettered),
        "outcomes back": ", ".join(f"{count} {basis}" for basis, count in tally.outcomes.most_common()) or "none yet",
        "latency": f"p50 {latency[0]:.0f} ms, p99 {latency[1]:.0f} ms" if latency else "–",
    }
    return _pairs(rows)


def _releases(tally: Tally, training: str | None) -> RenderableType:
    rows = {"none yet": "the rule table answers"} if not tally.releases else {}
    for release, version in sorted(tally.releases.items())[-3:]:
        scored = tally.scored_by[release]
        rows[f"release {release}"] = f"fitted to {version.rows}, " + (f"scored {scored}" if scored else "loading")
    return Group(_pairs(rows), Text(training, style="cyan")) if training else _pairs(rows)


def _quality(tally: Tally) -> RenderableType:
    rows = {"all": _score(tally.quality())}
    for release, (published, own) in list(tally.quality_by_release().items())[-3:]:
        rows[f"release {release}" if release else "rules"] = _score(published)
        if own.labels:
            rows[f"  {release} before floors"] = _score(own)
    return _pairs(rows)


def _score(quality: Quality) -> str:
    if quality.accuracy is None or quality.macro_f1 is None:
        return "–"
    return f"acc {quality.accuracy:.2f}  F1 {quality.macro_f1:.2f}  n={quality.labels}"


def _pairs(rows: Mapping[str, str]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), value)
    return table


def _progress(share: float, left: str) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", min_width=20)
    grid.add_row(ProgressBar(total=1.0, completed=min(share, 1.0)), left)
    return grid
