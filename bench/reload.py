"""Does a report wait while scorers take a new model? `python -m bench.reload [--scorers 4] [--json] [--lapd FILE]`.

Starts a broker of its own (a real Kafka where Java and Maven are there, else the embedded broker) and scorers as
deployed, files reports at a steady rate, and announces a new release every few seconds. Every report's way, from its
sending to the arrival of its priority at a reader of committed messages, is put into one of three windows:

swap     sent within half a second of the first priority of the new release
loading  sent after the announcement and before that: a process beside the scorer verifies and loads
quiet    sent in the three seconds before the announcement or the three after the swap's second

The demands: p99 of the swaps' seconds within twice that of the quiet ones; from the announcement to the first priority
of the new release from every scorer (each partition, and each has its own scorer or shares one) at most 2 s; and no
batch (all that a scorer stamps with one `scored_at`) with priorities of two releases.
"""

import json
import os
import platform
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.deployed import Fitted, broker, fit, promote, releases
from bench.worker import START_SECONDS, scorer
from schemas import topics
from schemas.envelope import Encoded, decode, encode
from schemas.priority import Priority
from severity.artefact.writing import Signed
from transport.reader import Reader
from transport.sender import Sender
from transport.settings import KafkaSettings

HALF_SECOND: Final = 0.5
AROUND: Final = 3.0
"""Seconds before and after a swap that it is compared with."""

PARTITIONS: Final = 4
"""Of the reports' topic, as `cli.topics` makes it."""

ORDER: Final = ("swap", "loading", "quiet")


@dataclass(slots=True)
class Course:
    """What happened, in seconds of `time.perf_counter`; releases by their digest."""

    sent: NDArray[np.float64]
    arrived: NDArray[np.float64]
    announced: dict[str, float] = field(default_factory=dict)
    swapped: dict[str, float] = field(default_factory=dict)
    partitions: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """Of each release the first priority of a report of each partition."""
    batches: dict[tuple[bytes, datetime], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Releases in each batch, by scorer and moment."""

    @property
    def loads(self) -> list[tuple[float, float]]:
        """Announcement and first priority of each release that was used; one that comes too soon replaces the last."""
        return [(self.announced[digest], swapped) for digest, swapped in self.swapped.items()]

    def seconds_to_all(self, partitions: int) -> list[float]:
        """From the announcement to the last partition's first priority, of each release that all of them had."""
        whole = {digest: found for digest, found in self.partitions.items() if len(found) == partitions}
        return [max(found.values()) - self.announced[digest] for digest, found in whole.items()]

    @property
    def mixed(self) -> int:
        """Batches with priorities of more than one release."""
        return sum(len(releases) > 1 for releases in self.batches.values())


def drive(kafka: KafkaSettings, load: Sequence[Encoded], signed: Sequence[Signed], rate: float, gap: float) -> Course:
    """File `load` at `rate` a second, announce a release every `gap` seconds, and read every priority."""
    course = Course(np.full(len(load), np.nan), np.full(len(load), np.nan))
    began = time.perf_counter() + 1.0

    def send() -> None:
        with Sender(kafka) as sender:
            for number, report in enumerate(load):
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
                course.sent[number] = time.perf_counter()
                sender.send(topics.CRIME_REPORTS, *report)

    def announce() -> None:
        for number, release in enumerate(signed, 1):
            time.sleep(max(0.0, began + number * gap - time.perf_counter()))
            course.announced[release.digest] = time.perf_counter()
            promote(kafka, release)

    threads = [threading.Thread(target=send), threading.Thread(target=announce)]
    with Reader(kafka, [topics.PRIORITIES, topics.PRIORITIES_EXERCISE], start="end") as reader:
        for thread in threads:
            thread.start()
        read(reader, course)
    for thread in threads:
        thread.join()
    return course


def read(reader: Reader, course: Course) -> None:
    """Note every priority's arrival, and the first one of each release, until all are there."""
    missing = len(course.arrived)
    quiet_since = time.perf_counter()
    while missing and time.perf_counter() - quiet_since < START_SECONDS:
        records = reader.read(1000, 0.1)
        now = time.perf_counter()
        for record in records:
            quiet_since = now
            number = int((record.key or b"").rpartition(b"-")[2])
            missing -= bool(np.isnan(course.arrived[number]))
            course.arrived[number] = now
            priority = decode(Priority, record.key, record.value, record.headers)
            digest = priority.model.digest if priority.model else ""
            source = dict(record.headers).get("ce_source") or b""
            course.batches[source, priority.scored_at].add(digest)
            if digest in course.announced:
                course.swapped.setdefault(digest, now)
                course.partitions[digest].setdefault(priority.source.partition, now)
    if missing:
        raise RuntimeError(f"{missing} reports got no priority")


def reports_to_file(fitted: Fitted, count: int, run: str) -> list[Encoded]:
    """The reports again and again, each with a number of its own: what was published once is not published again."""
    now = datetime.now(UTC)
    made = []
    for number in range(count):
        report = fitted.reports[number % len(fitted.reports)]
        again = report.model_copy(update={"report_id": f"bench-{run}-{number}"})
        made.append(encode(again, source="bench", time=now))
    return made


def windows(course: Course) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of every report, by window."""
    sent, milliseconds = course.sent, (course.arrived - course.sent) * 1000
    swap, loading, quiet = (np.zeros(len(sent), dtype=bool) for _ in range(3))
    for announced, swapped in course.loads:
        swap |= np.abs(sent - swapped) <= HALF_SECOND
        loading |= (sent >= announced) & (sent < swapped - HALF_SECOND)
        quiet |= (sent >= announced - AROUND) & (sent < announced)
        quiet |= (sent > swapped + HALF_SECOND) & (sent <= swapped + HALF_SECOND + AROUND)
    quiet &= ~(swap | loading)
    return {"swap": milliseconds[swap], "loading": milliseconds[loading], "quiet": milliseconds[quiet]}


def figures(milliseconds: NDArray[np.float64]) -> dict[str, float]:
    """Count and percentiles of one window."""
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    largest = float(milliseconds.max())
    return {"reports": len(milliseconds), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": largest}


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(title=f"{result['swaps']} swaps at {result['rate']:g} reports/s, {result['broker']}")
    table.add_column("window")
    for heading in ("reports", "p50 ms", "p95 ms", "p99 ms", "max ms"):
        table.add_column(heading, justify="right")
    for name in ORDER:
        row = result["windows"][name]
        table.add_row(
            name, f"{row['reports']:,}", *(f"{row[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
        )
    console = Console(stderr=True)
    console.print(table)
    console.print(to_all(result))
    console.print(
        f"p99 of a swap's second / of quiet seconds: {result['p99_ratio']:.2f} (demand: 2); while loading: "
        f"{result['p99_ratio_loading']:.2f}; median load {result['load_seconds']:.1f} s; {result['model']}; "
        f"load average {result['load_average']}"
    )


def to_all(result: dict[str, Any]) -> str:
    """The seconds to all scorers, in words."""
    seconds = result["seconds_to_all"]
    if not seconds:
        return "no release reached all partitions"
    middle, largest = float(np.median(seconds)), max(seconds)
    return (
        f"announcement to the first priority from every one of {result['scorers']} scorers: median {middle:.2f} s, most"
        f" {largest:.2f} s over {len(seconds)} releases (demand: 2); batches that mix releases:"
        f" {result['mixed_batches']} of {result['batches']:,}"
    )


def main(
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    swaps: Annotated[int, typer.Option(help="How many releases are announced under load.")] = 20,
    rate: Annotated[float, typer.Option(help="Reports a second.")] = 500.0,
    gap: Annotated[float, typer.Option(help="Seconds between two announcements.")] = 10.0,
    scorers: Annotated[int, typer.Option(help="Scorers that share the four partitions.", min=1, max=4)] = 1,
    embedded: Annotated[bool, typer.Option("--embedded", help="Not a real Kafka.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure the latency of reports around model swaps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fitted = fit(lapd)
        first, *rest = releases(fitted, folder, swaps + 1)
        before = reports_to_file(fitted, int(rate * gap), "before")
        load = reports_to_file(fitted, int(rate * gap * (swaps + 1)), "measured")
        with broker(embedded) as (kafka, what):
            promote(kafka, first)
            with ExitStack() as stack:
                slots = [kafka.model_copy(update={"slot": str(number)}) for number in range(scorers)]
                workers = [stack.enter_context(scorer(slot, folder / "keys")) for slot in slots]
                for worker in workers:
                    worker.wait()
                drive(kafka, before, [], rate, gap)  # a warm broker, as in every day's work
                course = drive(kafka, load, rest, rate, gap)
    by_window = {window: figures(values) for window, values in windows(course).items()}
    result = {
        "swaps": len(course.swapped),
        "scorers": scorers,
        "seconds_to_all": course.seconds_to_all(PARTITIONS),
        "mixed_batches": course.mixed,
        "batches": len(course.batches),
        "rate": rate,
        "broker": what,
        "model": f"fitted to {fitted.source}",
        "windows": by_window,
        "p99_ratio": by_window["swap"]["p99_ms"] / by_window["quiet"]["p99_ms"],
        "p99_ratio_loading": by_window["loading"]["p99_ms"] / by_window["quiet"]["p99_ms"],
        "load_seconds": float(np.median([swapped - announced for announced, swapped in course.loads])),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
    }
    show(result)
    if as_json:
        print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
