"""Wiring: the loop and the follower on threads of their own, /metrics, and how the process begins and ends."""

import gc
import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from schemas import topics
from severity.artefact.keys import load_trusted
from severity.artefact.store import open_store
from severity.assess import Assessor, Release
from stream.agencies import Agencies, Limits
from stream.champion import Champion
from stream.doubts import Doubts
from stream.errors import ScorerError
from stream.following import following, wait_for_champion
from stream.helper import HelperFailed
from stream.ledger import Ledger
from stream.loader import Handover, rehearse
from stream.metrics import ScorerMetrics
from stream.processor import Processor
from stream.recall import Recall
from stream.revisions import Revisions
from stream.settings import ScorerSettings
from stream.tables import Tables
from stream.warm_up import warm_up
from stream.watch import Watch
from telemetry import logs
from telemetry.ending import ended_by_signals
from telemetry.health import Health
from telemetry.heart import Heart
from telemetry.server import serve
from transport.errors import TransportError
from transport.kafka import kafka_backend
from transport.loop import Loop
from transport.probe import Probe
from transport.records import Batch, Record
from transport.watchdog import Watchdog

COLLECT_AFTER: Final = (50_000, 20, 20)
"""Allocations between collections of garbage: a batch makes many objects and no cycles (default: 2,000)."""

SWITCH_SECONDS: Final = 0.0005
"""After which another thread may have the interpreter (default .005): the loop does not wait long for the follower,
which unpickles and warms up beside it."""

STUCK_SECONDS: Final = 4.0
"""After which a loop that does nothing, not even try a broker again, is left behind with its stacks, for a new one."""

SILENT_SECONDS: Final = 20.0
"""After which a process whose loop has not come round is to be started anew: longer than the watchdog needs to put
another loop in its place, time and again."""

JOIN_SECONDS: Final = 1.0
"""How long the end waits for what is being read aside."""

STUCK: Final = "stuck"
"""Why clients were made anew, in the metric, beside the reasons of `transport.errors.LoopFailed`."""

OUTPUTS: Final = (topics.PRIORITIES, topics.PRIORITIES_EXERCISE, r"^([a-z0-9-]+\.)?crime-reports\.dlq$")
"""All that the loop writes to."""

KNOWN: Final = (ScorerError, TransportError, OSError, ValueError)
"""Errors of settings, files and brokers: their message is enough. Others are ours, and need a trace."""

logger = logging.getLogger(__name__)


def work(settings: ScorerSettings) -> int:
    """Score until SIGTERM or Ctrl-C; 0, or 1 after one line on standard error that says what is wrong."""
    try:
        stopped = threading.Event()
        with ended_by_signals(stopped, _cut_off), ExitStack() as stack:
            _serve(settings, stack, stopped)
    except Exception as error:
        if not isinstance(error, KNOWN):
            logger.exception("an error in the scorer itself")
        logs.end(f"severity scorer: {error or type(error).__name__}")
        return 1
    return 0


def _serve(settings: ScorerSettings, stack: ExitStack, stopped: threading.Event) -> None:
    kafka = settings.kafka.for_group(settings.group_id)
    source = f"severity/scorer/{kafka.group_id}-{kafka.slot}"
    registry = CollectorRegistry()
    metrics = ScorerMetrics(registry)
    metrics.delivery_info.labels(kafka.delivery).set(1)
    tables = Tables.load(settings)
    load_trusted(settings.trusted_keys)  # the child reads them at each load; that there are none is known now
    open_store(settings.artefacts)  # a place that can be none is told now, too
    assessor = partial(tables.assessor, on_failure=lambda _: metrics.model_failures.inc())
    champion = Champion(assessor(None), _now, time.monotonic)

    def offer(handover: Handover) -> None:
        made = assessor(handover.release)
        warm_up(made, handover.golden, slowest_ms=settings.slowest_report_ms, now=_now(), timer=time.perf_counter)
        champion.offer(made, handover.created_at, handover.expires_at)
        metrics.serving(handover.release.ref)

    limits = Limits(settings.agency_bad_ratio, settings.agency_bad_in_a_row)
    ledger = Ledger(Revisions(settings.remembered_reports), Agencies(limits))
    watchdog = Watchdog(STUCK_SECONDS, lambda: loop(), stopped, lambda: watch.reopened(STUCK))
    heart = Heart(SILENT_SECONDS)

    def alive() -> None:
        watchdog.feed()
        heart.beat()

    watch = Watch(
        metrics, ledger, time.time, lambda: _tell_ready(address), alive, stopped.is_set, lambda: recall.afresh()
    )
    begun = threading.Event()
    health = Health(
        "scorer",
        live={"loop": lambda: heart.silent() if begun.is_set() else None},
        ready={
            "assigned": watch.unassigned,
            "model": lambda: None if begun.is_set() else "waiting for the champion; the rules answer without one",
            "broker": stack.enter_context(Probe(kafka)).away,
            "running": lambda: "it was asked to end, and ends" if stopped.is_set() else None,
        },
    )
    registry.register(health)
    port = serve(registry, health, settings.metrics_host, settings.metrics_port, settings.metrics_access)
    address = stack.enter_context(port)
    follower = stack.enter_context(following(settings, kafka, source, offer, metrics, stopped))
    processor = Processor(
        champion.current,
        ledger,
        delivery=kafka.delivery,
        source=source,
        doubts=Doubts(frozenset(settings.drills_from), settings.clock_ahead_seconds),
        clock=_now,
        timer=time.perf_counter,
    )
    recall = Recall(
        kafka,
        ledger,
        settings.remembered_reports,
        watch,
        alive=alive,
        incomplete=metrics.recall_incomplete.inc,
        turned=watch.turned,
    )
    metrics.look_up(
        model_age=champion.model_age_seconds,
        model_expires=champion.expires_seconds,
        degraded=champion.degraded_seconds,
        oldest_unscored=watch.oldest_unscored_seconds,
    )

    def handle(records: Sequence[Record]) -> Batch:
        if watch.first_of(records):
            recall()
        watch.began(records)
        batch, tally = processor.process(records)
        watch.processed(tally)
        return batch

    def loop() -> Loop:
        backend = kafka_backend(kafka, [settings.topics], OUTPUTS)

        def between_batches() -> None:
            watch.look(backend)
            recall.take_in()
            alive()

        return Loop(backend, handle, bounds=kafka.bounds, between_batches=between_batches, observer=watch)

    recall.ahead()
    aside = threading.Thread(target=recall.keep_up, args=(stopped, watch.behind), name="recall", daemon=True)
    aside.start()
    stack.callback(aside.join, JOIN_SECONDS)
    stack.callback(stopped.set)
    wait_for_champion(follower, settings.model_wait_seconds, stopped)
    if champion.degraded:
        _practise(settings, assessor)
    _settle_memory()
    heart.beat()
    begun.set()
    if not stopped.is_set():
        watchdog.run()


def _cut_off() -> None:
    logs.end(
        "severity scorer: cut off, it did not end in time: a broker that does not answer? Reports in hand come again"
    )


def _practise(settings: ScorerSettings, assessor: Callable[[Release], Assessor]) -> None:
    """Let numba load or compile the kernels now: once reports flow they would wait for it."""
    try:
        made = rehearse(settings.load_timeout_seconds)
    except HelperFailed as failure:
        logger.warning("no practice: %s", failure)
    else:
        warm_up(assessor(made.release), made.golden, slowest_ms=math.inf, now=_now(), timer=time.perf_counter)


def _settle_memory() -> None:
    """Everything made so far stays: the collector need not look at it again, and looks less often at the rest."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _tell_ready(address: str) -> None:
    logs.tell("ready", service="scorer", metrics=f"{address}/metrics")


def _now() -> datetime:
    return datetime.now(UTC)
