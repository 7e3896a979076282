"""How the benches report: figures with their spread, demands met or not, the machine, JSON, and what plots share."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import confluent_kafka
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from transport.kafka_jars import VERSION

INK: Final = "#22303c"
FAINT: Final = "#8a97a3"
COLOURS: Final = {
    "direct": "#8a97a3",
    "pass_alo": "#8fbc94",
    "pass_eos": "#3f7d4a",
    "scored_alo": "#7fb3d5",
    "scored_eos": "#1f6f9f",
}
"""Of the variants, the same in every picture."""

DPI: Final = 160
WIDTH: Final = 150
PACKAGES: Final = ("confluent-kafka", "numba", "numpy", "pydantic", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Demand:
    """A figure that has a limit: at most `most`, or at least `least`."""

    what: str
    value: float
    most: float | None = None
    least: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure keeps it; one that is not a number does not."""
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    def as_json(self) -> dict[str, Any]:
        """For the result."""
        return {name: value for name, value in asdict(self).items() if value is not None} | {"met": self.met}

    def __str__(self) -> str:
        sign, limit = ("≤", self.most) if self.most is not None else ("≥", self.least)
        return (
            f"{'met    ' if self.met else 'NOT MET'} {self.what}: {_short(self.value)}{self.unit} ({sign} {limit:,g})"
        )


def console() -> Console:
    """On standard error, wide enough for the tables also where that is a file."""
    plain_output = Console(stderr=True)
    return plain_output if plain_output.is_terminal else Console(stderr=True, width=WIDTH)


def machine() -> dict[str, Any]:
    """What it ran on, and with which versions."""
    cores, memory = os.cpu_count(), None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "cpu": _cpu_model(),
        "cores": cores,
        "memory_gib": memory,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "kafka": VERSION,
        "librdkafka": confluent_kafka.libversion()[0],
        **versions,
    }


def load_average() -> list[float] | None:
    """Of 1, 5 and 15 minutes; None where the system has none. Above the number of cores, figures are noise."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each figure the median over the rounds."""
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def with_spread(values: Sequence[float]) -> str:
    """Median, and least to most in brackets."""
    return f"{_short(median(values))} [dim]({_short(min(values))}–{_short(max(values))})[/dim]"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose first column is of names."""
    made = Table(title=title, title_justify="left", min_width=len(title) + 2)
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def progress(on: Console) -> Progress:
    """A bar that says what is measured now."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=on
    )


def titled(figure: Figure, title: str, below: str) -> None:
    """A heading, and a line in small print at the foot."""
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    figure.supxlabel(below, x=0.01, ha="left", color=FAINT, fontsize=7.5)


def plain(axes: Axes) -> None:
    """No frame, faint lines to read values by."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", color="#e3e8ec", linewidth=0.8)
    axes.set_axisbelow(True)


def save(result: dict[str, Any], figure: Figure, folder: Path, name: str, on: Console) -> None:
    """Write `<name>.json` and `<name>.png` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{name}.json", folder / f"{name}.png"
    written[0].write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    figure.savefig(written[1], dpi=DPI)
    on.print(f"Written: {written[0]}, {written[1]}")


def caption(result: dict[str, Any]) -> str:
    """One line for below a picture: where the figures come from."""
    where, brokers = result["machine"], result["brokers"]
    kafka = f"Kafka {where['kafka']}, {brokers} broker{'s' if brokers > 1 else ''}"
    loads = [load[0] for load in result["load_averages"] if load]
    busy = f"; load average {min(loads):g}–{max(loads):g}" if loads else ""
    return f"{where['cpu']}, {where['cores']} cores; {kafka}; librdkafka {where['librdkafka']}; {result['load']}{busy}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
