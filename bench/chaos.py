"""Is a report lost or doubled when workers die? `python -m bench.chaos --kills N [--brokers 3] [--json]`.

Starts a Kafka of its own and scorers as deployed, files reports at a steady rate, and kills a worker with SIGKILL at
random moments. Half of the killed are started again at once; the others only after 20 s, and until then another has to
take over. With three brokers one of them is killed, too, after each worker, each in its turn. A worker that ends by
itself is started again, as a supervisor would do, and counted. At the end, when all is worked off, an independent
checker reads every topic and compares it with what was filed (`bench.checking`).

A gap is the time between two arrivals from one partition of `priorities` at a reader of committed messages: a worker's
death stops its own partitions, while others go on. The demand: nothing lost, nothing doubled, no gap over 10 s.
"""

import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from bench.arrivals import Arrivals
from bench.chaos_report import Course, Event, draw, figures, show
from bench.checking import check
from bench.crew import Crew
from bench.deployed import fit, promote, releases
from bench.filing import Filing
from bench.load import Load
from bench.worker import Worker, scorer
from cli.topics import topic_specs
from transport.local_kafka import START_SECONDS, LocalKafka

AWAY_SECONDS: Final = 20.0
"""How long a killed worker that is not restarted at once stays away."""

BROKER_AWAY_SECONDS: Final = 10.0
STEADY_SECONDS: Final = (1.0, 4.0)
"""Between the last worker's being ready again and the next kill, drawn anew each time."""

PATIENCE_SECONDS: Final = 120.0
"""Without an arrival, at the end, until what is missing is taken for lost."""


@dataclass(slots=True)
class Chaos:
    """Kills, one after the other, while reports are filed."""

    crew: Crew
    cluster: LocalKafka
    chance: random.Random
    events: list[Event] = field(default_factory=list)
    _brokers_killed: int = 0

    def note(self, kind: str, who: str) -> None:
        """Something happens now."""
        self.events.append(Event(time.perf_counter(), kind, who))

    def kill_worker(self, slots: Sequence[str], *, restart: bool) -> None:
        """Any of them, until all are well again."""
        self.crew.tend(self.chance.uniform(*STEADY_SECONDS))
        slot = self.chance.choice(slots)
        self.note("worker killed, started at once" if restart else "worker killed, away for 20 s", slot)
        killed = time.perf_counter()
        self.crew.kill(slot)
        if restart:
            self.crew.start(slot)
        if not restart:
            self.crew.tend(killed + AWAY_SECONDS - time.perf_counter())
            self.crew.start(slot)
        self.crew.wait_until_ready()
        self.note("worker back", slot)

    def kill_broker(self) -> None:
        """The next broker in turn, until all its replicas are in sync again."""
        self.crew.tend(self.chance.uniform(*STEADY_SECONDS))
        place = self._brokers_killed % len(self.cluster.nodes)
        self._brokers_killed += 1
        self.note("broker killed", str(place))
        self.cluster.kill(place)
        self.crew.tend(BROKER_AWAY_SECONDS)
        starting = threading.Thread(target=self.cluster.start, args=(place,))  # returns when its replicas are in sync
        starting.start()
        self.crew.tend(START_SECONDS, lambda: not starting.is_alive())
        self.note("broker back", str(place))
        self.crew.wait_until_ready()


def run(kills: int, brokers: int, workers: int, rate: float, seed: int, lapd: Path | None) -> Course:
    """All of it, on a cluster of its own."""
    slots = [str(number) for number in range(workers)]
    with tempfile.TemporaryDirectory() as name, LocalKafka(topics=topic_specs(), brokers=brokers) as cluster:
        fitted = fit(lapd)
        (release,) = releases(fitted, Path(name), 1)
        kafka = cluster.settings()
        promote(kafka, release)
        load = Load.of(fitted.reports, release.manifest.created_at)

        def make(slot: str) -> Worker:
            return scorer(kafka.model_copy(update={"slot": slot}), Path(name) / "keys")

        with Arrivals(cluster.bootstrap_servers) as arrivals, Crew(make, slots) as crew:
            chaos = Chaos(crew, cluster, random.Random(seed))
            crew.wait_until_ready()
            with Filing(kafka, load, rate) as filing, Progress(console=Console(stderr=True)) as progress:
                crew.tend(5.0)  # a warm broker
                since = time.perf_counter()
                for number in progress.track(range(kills), description="kills"):
                    chaos.kill_worker(slots, restart=number % 2 == 0)
                    if brokers > 1:
                        chaos.kill_broker()
                crew.tend(5.0)
                until = time.perf_counter()
                filing.stop()
                worked_off(arrivals, crew, len(filing.sent))
            codes = crew.close()
        verdict = check(cluster.bootstrap_servers, filing.sent)
    waits = arrivals.waits(np.array(filing.times))
    return Course(
        verdict, chaos.events, crew.exits, codes, arrivals.gaps(since, until), waits, arrivals.times, since, until
    )


def worked_off(arrivals: Arrivals, crew: Crew, count: int) -> None:
    """Wait until so many priorities have arrived, or none has for a long time."""
    before = -1
    while before < arrivals.count < count:
        before = arrivals.count
        crew.tend(PATIENCE_SECONDS, lambda: arrivals.count >= count)


def main(
    kills: Annotated[int, typer.Option(help="How many times a worker is killed.", min=0)] = 100,
    brokers: Annotated[int, typer.Option(help="1, or 3 of which one is killed after each worker.", min=1)] = 1,
    workers: Annotated[int, typer.Option(help="How many share the reports.", min=1)] = 2,
    rate: Annotated[float, typer.Option(help="Reports a second.")] = 500.0,
    seed: Annotated[int, typer.Option(help="Of the moments and of who is killed.")] = 0,
    lapd: Annotated[Path | None, typer.Option(help="LAPD's CSV file; without it, the simulated city.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the picture and the figures.")] = Path("bench-results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Kill workers under load and look for what was lost or doubled; exit code 1 when anything was.

    What workers said that ended by themselves is written beside the picture.
    """
    load_before = os.getloadavg() if hasattr(os, "getloadavg") else None
    course = run(kills, brokers, workers, rate, seed, lapd)
    about = {
        "kills": kills,
        "brokers": brokers,
        "workers": workers,
        "rate": rate,
        "seed": seed,
        "load_average": {"before": load_before, "after": os.getloadavg() if load_before else None},
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
    }
    result: dict[str, Any] = {**figures(course), **about}
    out.mkdir(parents=True, exist_ok=True)
    name = f"chaos-{kills}-kills-{brokers}-broker{'s' if brokers > 1 else ''}"
    draw(course, result, out / f"{name}.png")
    (out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    if course.exits:
        said = [f"slot {one.slot}, exit code {one.code}\n{''.join(one.lines)}" for one in course.exits]
        (out / f"{name}-exits.log").write_text("\n".join(said), encoding="utf-8")
    show(result)
    if as_json:
        print(json.dumps(result))
    if not course.verdict.clean:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
