"""`severity trainer`: the process that stores what happens, learns from it and announces new releases."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server

from schemas import topics
from severity.artefact.keys import load_private
from severity.levels import LevelTable
from trainer.audits.agreement import agreement
from trainer.audits.draw import AuditDraw
from trainer.audits.key import secret
from trainer.dataset.dataset import TABLES, Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import gather, missed
from trainer.drift.drift import Alarm, Drift
from trainer.drift.feed import DriftFeed
from trainer.live.feed import feed, rebuild
from trainer.live.scores import Joined, LiveScores
from trainer.live.windows import Widths
from trainer.metrics import TrainerMetrics
from trainer.say import say
from trainer.settings import TrainerSettings
from trainer.training.trainings import Trainings, office_of
from transport.office import Office
from transport.reader import Reader
from transport.sender import Sender

GROUP = "severity-trainer"
"""Names the client to the broker; no consumer group reads by it."""

AGREEMENT_SECONDS = 3600.0
"""How often the graders' agreement is reckoned anew; it asks the whole table of outcomes."""

PATIENCE_SECONDS = 5.0
"""How long a trainer waits for the office before it says so: Kafka gives it within some seconds where it is free."""


def run(settings: TrainerSettings, *, stop: threading.Event | None = None) -> int:
    """Run until SIGTERM, Ctrl-C or `stop`; 0, or 1 after one line on standard error that says what is wrong."""
    stop = stop or threading.Event()
    try:
        with ExitStack() as stack, _signals(stop):
            _serve(settings, stack, stop)
    except Exception as error:
        print(f"severity trainer: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(settings: TrainerSettings, stack: ExitStack, stop: threading.Event) -> None:
    load_private(settings.signing_key)  # a wrong one is told now, not after the first training
    levels = LevelTable.load(settings.levels)
    registry = CollectorRegistry()
    metrics = TrainerMetrics(registry, _widths(settings))
    address = _show(settings, registry, stack)
    office = _office(settings, metrics, stack, stop)
    if stop.is_set():
        return

    dataset = Dataset(settings.dataset)
    drift = DriftFeed(Drift(), settings.zone, _now)
    drift.rebuild(dataset)

    def joined(one: Joined) -> None:
        metrics.live.count(one)
        drift.joined(one)

    live = LiveScores(joined, capacity=settings.live_reports)
    rebuild(live, dataset, levels)

    kafka = settings.kafka.for_group(GROUP)
    sender = stack.enter_context(Sender(kafka))
    intake = Intake(dataset, sender, _draw(settings), _now)
    starts = intake.starts()
    reader = stack.enter_context(Reader(kafka, settings.topics, start=starts))
    for (topic, partition), lost in missed(reader, starts).items():
        say("missed", topic=topic, partition=partition, records=lost)
        metrics.missed.labels(topic).inc(lost)
    trainings = Trainings(settings, dataset, office.sender() if office else sender, metrics, _now)
    stack.callback(trainings.stop)
    _look(drift, trainings)  # what had drifted before was told before
    say("ready", service="trainer", metrics=address)

    rows = {topic: dataset[table].count() for topic, table in TABLES.items()}
    shown, compared = -settings.live_seconds, -AGREEMENT_SECONDS
    while not stop.is_set():
        if office and not office.held():
            raise Followed("another trainer has taken this one's place; start it again and it waits for its turn")
        if records := gather(reader, settings.batch, settings.batch_seconds, stop.is_set):
            began = time.perf_counter()
            taken = intake.take(records)
            for event in taken.events:
                drift.feed(event)
                feed(live, event, levels)
            metrics.took(taken, time.perf_counter() - began)
            for topic, more in taken.rows.items():
                rows[topic] += more
        if time.monotonic() - compared > AGREEMENT_SECONDS:
            metrics.agreed(agreement(dataset, levels))
            compared = time.monotonic()
        if time.monotonic() - shown > settings.live_seconds:
            metrics.live.show(live, time.time())
            shown = time.monotonic()
            for alarm in _look(drift, trainings):
                say("drift", day=alarm.day, found=alarm.told)
                metrics.drifted(alarm)
                trainings.drifted()
            metrics.tested(drift.tested)
        dataset.tidy(_now())
        metrics.intake_lag.set(reader.lag())
        for topic, table in TABLES.items():
            metrics.dataset_rows.labels(table).set(rows[topic])
        trainings.step(rows[topics.SOLVED_CASES])


def _look(drift: DriftFeed, trainings: Trainings) -> list[Alarm]:
    """What has drifted since the last look, as against what the champion learned from."""
    if learned := trainings.learned_until:
        drift.learned_until(learned)
    return drift.judge()


class Followed(RuntimeError):
    """Another trainer is at work now."""


def _office(
    settings: TrainerSettings, metrics: TrainerMetrics, stack: ExitStack, stop: threading.Event
) -> Office | None:
    """Wait until no other trainer of this model is at work, or `stop`; None on the demo's broker, which has but one."""
    metrics.leading.set(0)
    if settings.kafka.embedded:
        metrics.leading.set(1)
        return None
    office = stack.enter_context(office_of(settings))
    if not office.take(stop.is_set, PATIENCE_SECONDS) and not stop.is_set():
        say("standby", reason=f"another trainer of {settings.model_name} is at work; this one waits to take its place")
        office.take(stop.is_set)
    metrics.leading.set(office.held())
    return office


def _widths(settings: TrainerSettings) -> Widths:
    return Widths(settings.live_window_labels, settings.live_window_reports, settings.live_window_days)


def _draw(settings: TrainerSettings) -> AuditDraw:
    key = secret(settings.audit_key, settings.dataset)
    return AuditDraw(key, settings.audit_rate, settings.audit_second_share)


def _show(settings: TrainerSettings, registry: CollectorRegistry, stack: ExitStack) -> str:
    """Serve /metrics until the stack unwinds; its address."""
    server, _ = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"http://{settings.metrics_host}:{server.server_port}/metrics"


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM, Ctrl-C and, on Windows, Ctrl-Break set `stop`, where this is the main thread, which alone gets them."""
    main = threading.current_thread() is threading.main_thread()
    names = ("SIGTERM", "SIGINT", "SIGBREAK") if main else ()
    wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _now() -> datetime:
    return datetime.now(UTC)
