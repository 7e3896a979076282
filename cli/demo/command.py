"""The command itself: a broker, a city, a scorer and a trainer, watched until every report has its priority."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from cli.demo.processes import Service, Services
    from cli.demo.tally import Quality, Tally
    from cli.demo.watch import Watch
    from transport.settings import KafkaSettings

DRAIN_WITHIN: Final = 20.0
"""Seconds after the last report within which every report must have its priority."""

FIRST_RELEASE_WITHIN: Final = 120.0
"""Seconds after the last report for which a first training under way is waited for: on a busy machine it takes longer
than the filing, and a demo without a release would not have shown the main job."""

READY_WITHIN: Final = 240.0
"""Seconds until a service is given up: the first start after an installation compiles the kernels, which took longer
than 60 s where others kept the cores busy."""

STATUS_EVERY: Final = 5.0
"""Seconds between status lines where there is no terminal to draw on."""

FIRST_OUTCOMES: Final = 400
EVERY_OUTCOMES: Final = 1_000
OUTCOME_DELAY: Final = 5.0
LONGEST_WAIT: Final = 20.0
"""Seconds from a report to its outcome, the median and the most: months, compressed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a demo was asked for; `seconds` of filing, None for ever."""

    seconds: float | None
    reports: int | None
    rate: float
    city: str
    data: Path | None
    seed: int
    bootstrap_servers: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What `--json` prints. `lost`: filed, readable, and without a priority."""

    reports: int
    priorities: int
    lost: int
    dead_lettered: int
    releases: int
    accuracy: float | None
    macro_f1: float | None
    labels: int
    p50_ms: float | None
    p99_ms: float | None


def demo(
    duration: Annotated[float, typer.Option(help="Seconds of filing reports.", min=5)] = 80,
    reports: Annotated[int | None, typer.Option(help="End after so many reports.", min=1)] = None,
    rate: Annotated[float, typer.Option(help="Reports a second.", min=0.1, max=500)] = 40,
    forever: Annotated[bool, typer.Option("--forever", help="Run until Ctrl-C.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output, all else on standard error.")
    ] = False,
    bootstrap_servers: Annotated[str | None, typer.Option(help="A real Kafka instead of the embedded broker.")] = None,
    city: Annotated[str, typer.Option(help="`simulated`, or `lapd` to replay --data.")] = "simulated",
    data: Annotated[Path | None, typer.Option(help="The city's file.", exists=True, dir_okay=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the city and its delays.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Keep dataset, releases, keys and logs in this folder.")] = None,
) -> None:
    """Show the whole job, live: reports in, priorities out, outcomes back, a model trained, published and reloaded.

    Starts a broker, a producer, the scorer and the trainer on this machine, as separate processes that speak Kafka.
    Ends by itself; the exit code is 0 only when every report has its priority.
    """
    from cad.cities import cities

    if city not in (known := ["simulated", *cities()]):
        raise typer.BadParameter(f"choose one of {', '.join(known)}", param_hint="--city")
    if (city == "simulated") == (data is not None):
        raise typer.BadParameter(
            "a city's replay needs --data FILE, the simulated city takes none", param_hint="--city"
        )
    options = Options(None if forever else duration, reports, rate, city, data, seed, bootstrap_servers)
    console = Console(stderr=as_json)
    with ExitStack() as stack:
        folder = keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="severity-", ignore_cleanup_errors=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        summary, complaint = _run(options, folder, console)
    if as_json:
        typer.echo(json.dumps(asdict(summary)))
    if complaint:
        console.print(complaint, style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


def _run(options: Options, folder: Path, console: Console) -> tuple[Summary, str | None]:
    """The demo in `folder`: its summary, and what went wrong, if anything."""
    from cli.demo.processes import ServiceFailed, Services
    from cli.demo.tally import Tally
    from cli.demo.watch import Watch
    from severity.artefact.keys import new_pair
    from severity.levels import LevelTable

    tally = Tally(LevelTable.load())
    complaint = None
    with _broker(options.bootstrap_servers, console) as settings:
        private, public = new_pair(folder / "keys")
        # A name of its own: on a real cluster it must neither fence a scorer at work nor announce it a model.
        own = f"demo-{secrets.token_hex(3)}"
        common = {
            "SEVERITY_KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "SEVERITY_KAFKA__DELIVERY": settings.delivery,
            "SEVERITY_KAFKA__EMBEDDED": str(settings.embedded).lower(),
        }
        with Watch(settings, tally) as watch, Services(folder, common) as services:
            try:
                scorer = services.start("scorer", _scorer(own, folder, public))
                trainer = services.start("trainer", _trainer(own, folder, private))
                for service in (scorer, trainer):
                    service.wait_ready(READY_WITHIN)
                    console.print(
                        f"{service.name}: ready, metrics at {service.said['ready']['metrics']}", highlight=False
                    )
                services.start("cad", _cad(options))
                complaint = _follow(options, tally, watch, services, console)
            except KeyboardInterrupt:
                console.print("ending")
            except ServiceFailed as error:
                complaint = str(error)
            codes = services.end()
    failed = {name: code for name, code in codes.items() if code}
    summary = _summary(tally)
    _print_summary(summary, tally, console)
    if complaint is None and failed:
        complaint = "did not end cleanly: " + ", ".join(f"{name} (code {code})" for name, code in failed.items())
    if complaint is None and summary.lost:
        complaint = f"{summary.lost} reports have no priority"
    return summary, complaint


def _follow(options: Options, tally: "Tally", watch: "Watch", services: "Services", console: Console) -> str | None:
    """Show the tally until all that was filed has its priority; what went wrong, if anything."""
    from cli.demo.view import screen, status_line

    start = time.monotonic()
    trainer, cad = services["trainer"], services["cad"]
    title = f"severity · {options.city} · " + (
        f"Kafka at {options.bootstrap_servers}, exactly once"
        if options.bootstrap_servers
        else "embedded broker, at least once"
    )
    filed_at: float | None = None
    said_at = start
    with Live(console=console, screen=False, auto_refresh=False, transient=True) as live:
        while True:
            services.check()
            if watch.failure is not None:
                return f"the demo's own reader failed: {watch.failure}"
            now = time.monotonic()
            if filed_at is None and "filed" in cad.said:
                filed_at = now
            with watch.lock:
                filed = None if filed_at is None else int(cad.said["filed"]["revisions"])
                seen = len(tally.reports)
                complete = filed is not None and seen >= filed and not tally.lost
                if console.is_terminal:
                    share, left = _progress(options, tally, now - start)
                    live.update(screen(tally, title, _training(trainer), share, left, console.size), refresh=True)
                elif now - said_at >= STATUS_EVERY:
                    console.print(status_line(tally, now - start), highlight=False, soft_wrap=True)
                    said_at = now
                awaited = _first_release_is_due(tally, trainer)
            since_filed = 0.0 if filed_at is None else now - filed_at
            if complete and not (awaited and since_filed < FIRST_RELEASE_WITHIN):
                return None
            if filed is not None and not complete and since_filed > DRAIN_WITHIN:
                return f"{filed} reports were filed, only {seen} could be read back" if seen < filed else None
            time.sleep(0.25)


def _first_release_is_due(tally: "Tally", trainer: "Service") -> bool:
    """Whether there are outcomes enough for the first release, and no training has ended without one."""
    if tally.releases or sum(tally.outcomes.values()) < FIRST_OUTCOMES:
        return False
    ended = trainer.said.get("trained")
    return ended is None or ended["result"] == "promoted"


def _training(trainer: "Service") -> str | None:
    """What a training under way is at, in words; None when there is none."""
    event, said = next(reversed(trainer.said.items()), ("", {}))
    return f"training: {said['stage']}, {said['done']:.0%}" if event == "training-stage" else None


def _progress(options: Options, tally: "Tally", seconds: float) -> tuple[float, str]:
    """How much is done, 0 to 1, and what is left in words."""
    if options.reports is not None:
        return len(tally.reports) / options.reports, f"{len(tally.reports)} of {options.reports} reports"
    if options.seconds is not None:
        return seconds / options.seconds, f"{max(options.seconds - seconds, 0):.0f} s left"
    return 0.0, f"{seconds:.0f} s, Ctrl-C ends"


@contextmanager
def _broker(bootstrap_servers: str | None, console: Console) -> "Iterator[KafkaSettings]":
    """The embedded broker, or the topics made on a real one."""
    from cli.topics import topic_specs
    from schemas.topics import all_topics
    from transport.embedded import EmbeddedBroker
    from transport.settings import KafkaSettings
    from transport.topics import create_topics

    if bootstrap_servers is not None:
        settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
        create_topics(settings, topic_specs())
        console.print(
            f"broker: Kafka at {bootstrap_servers}. Its topics get the demo's reports and outcomes, which every "
            "service there reads: use a cluster for trying things out",
            highlight=False,
            soft_wrap=True,
        )
        yield settings
        return
    with EmbeddedBroker({topic.name: topic.partitions for topic in all_topics()}) as broker:
        console.print(
            f"broker: embedded, at {broker.bootstrap_servers}; it has no transactions, so delivery is at least once",
            highlight=False,
            soft_wrap=True,
        )
        yield broker.settings()


def _scorer(name: str, folder: Path, public_key: Path) -> Mapping[str, str]:
    from cad.simulated import AGENCY

    return {
        "SEVERITY_SCORER__GROUP_ID": name,
        "SEVERITY_SCORER__MODEL_NAME": name,
        "SEVERITY_SCORER__METRICS_PORT": "0",
        "SEVERITY_SCORER__TRUSTED_KEYS": str(public_key),
        "SEVERITY_SCORER__ARTEFACTS": str(folder / "releases"),
        "SEVERITY_SCORER__MODEL_WAIT_SECONDS": "0",
        "SEVERITY_SCORER__DRILLS_FROM": json.dumps([AGENCY]),
    }


def _trainer(name: str, folder: Path, private_key: Path) -> Mapping[str, str]:
    return {
        "SEVERITY_TRAINER__MODEL_NAME": name,
        "SEVERITY_TRAINER__METRICS_PORT": "0",
        "SEVERITY_TRAINER__DATASET": str(folder / "dataset"),
        "SEVERITY_TRAINER__ARTEFACTS": str(folder / "releases"),
        "SEVERITY_TRAINER__SIGNING_KEY": str(private_key),
        "SEVERITY_TRAINER__FIRST_OUTCOMES": str(FIRST_OUTCOMES),
        "SEVERITY_TRAINER__EVERY_OUTCOMES": str(EVERY_OUTCOMES),
        "SEVERITY_TRAINER__COOL_DOWN_MINUTES": "0",  # hours pass in a minute here: one waits for outcomes alone
    }


def _cad(options: Options) -> Mapping[str, str]:
    chosen = {
        "CITY": options.city,
        "DATA": options.data,
        "RATE": options.rate,
        "SEED": options.seed,
        "REPORTS": options.reports,
        "SECONDS": options.seconds,
        "OUTCOMES": "all",
        "OUTCOME_DELAY_SECONDS": OUTCOME_DELAY,
        "LONGEST_WAIT": LONGEST_WAIT,
        "RUN_ID": secrets.token_hex(3) if options.bootstrap_servers else None,
    }
    return {f"SEVERITY_CAD__{name}": str(value) for name, value in chosen.items() if value is not None}


def _summary(tally: "Tally") -> Summary:
    quality, latency = tally.quality(), tally.latency_ms() or (None, None)
    return Summary(
        reports=len(tally.reports),
        priorities=tally.priorities,
        lost=tally.lost,
        dead_lettered=tally.dead_lettered,
        releases=len(tally.releases),
        accuracy=quality.accuracy,
        macro_f1=quality.macro_f1,
        labels=quality.labels,
        p50_ms=latency[0] and round(latency[0], 1),
        p99_ms=latency[1] and round(latency[1], 1),
    )


def _print_summary(summary: Summary, tally: "Tally", console: Console) -> None:
    table = Table(title="summary", show_header=False, title_justify="left")
    rows: dict[str, object] = {
        "reports in": summary.reports,
        "priorities out": f"{summary.priorities} ({tally.doubled} repeated)",
        "lost": summary.lost,
        "dead-lettered": summary.dead_lettered,
        "model releases": summary.releases or f"none: the first training waits for {FIRST_OUTCOMES} outcomes",
        "scored by": ", ".join(f"{f'release {r}' if r else 'rules'}: {n}" for r, n in sorted(tally.scored_by.items())),
        "outcomes back": ", ".join(f"{count} {basis}" for basis, count in tally.outcomes.most_common()),
    }
    for release, (published, own) in tally.quality_by_release().items():
        rows[f"  right by {f'release {release}' if release else 'rules'}"] = _words(published)
        if own.labels:
            rows[f"  release {release} before floors"] = _words(own)
    if summary.p50_ms is not None:
        rows["report to priority"] = f"p50 {summary.p50_ms:.0f} ms, p99 {summary.p99_ms:.0f} ms"
    for name, value in rows.items():
        table.add_row(name, str(value))
    console.print(table)


def _words(quality: "Quality") -> str:
    return f"accuracy {quality.accuracy:.3f}, macro-F1 {quality.macro_f1:.3f} on {quality.labels} outcomes"
