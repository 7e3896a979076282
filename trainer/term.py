"""A trainer's term of office: from the moment at which no other of this model is at work to the end or an interruption.

A term keeps nothing that the tables do not hold, so the next one, of this process or of another, goes on from there.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry

from schemas import topics
from severity.levels import LevelTable
from telemetry import logs
from trainer.audits.agreement import agreement
from trainer.audits.draw import AuditDraw
from trainer.audits.key import secret
from trainer.dataset.dataset import TABLES, Dataset
from trainer.dataset.intake import Intake
from trainer.dataset.reading import gather, missed, uncollected
from trainer.dataset.tidying import Tidying
from trainer.drift.drift import Alarm, Drift
from trainer.drift.feed import DriftFeed
from trainer.live.feed import feed, rebuild
from trainer.live.scores import Joined, LiveScores
from trainer.live.windows import Widths
from trainer.metrics import TrainerMetrics
from trainer.settings import TrainerSettings
from trainer.training.trainings import Trainings, office_of
from transport.office import Office
from transport.reader import Reader
from transport.sender import Sender

Stop = Callable[[], bool]

GROUP: Final = "severity-trainer"
"""Names the client to the broker; no consumer group reads by it."""

AGREEMENT_SECONDS: Final = 3600.0
"""How often the graders' agreement is reckoned anew; it asks the whole table of outcomes."""

PATIENCE_SECONDS: Final = 5.0
"""How long a trainer waits for the office before it says so: Kafka gives it within some seconds where it is free."""


def serve(settings: TrainerSettings, registry: CollectorRegistry, stop: Stop, at_work: Callable[[], None]) -> None:
    """Work until `stop`, from the tables' marks on; whatever is raised, all is let go of.

    registry: for the metrics of this term, which count from what the dataset holds. stop: asked at each turn of the
    loop. at_work: called once it reads.

    Raises:
        Followed: another trainer has the office, or the broker no longer knows that this one has it.
        TransportError, KafkaException: the broker is away for too long.
        OSError, DeltaError: the dataset or the store cannot be written or read.
        ValueError: settings, keys or a broker that are the wrong ones.
    """
    levels = LevelTable.load(settings.levels)
    widths = Widths(settings.live_window_labels, settings.live_window_reports, settings.live_window_days)
    metrics = TrainerMetrics(registry, widths)
    with ExitStack() as stack:
        office = _office(settings, metrics, stack, stop)
        if not stop():
            _serve(settings, metrics, levels, office, stack, stop, at_work)


def _serve(
    settings: TrainerSettings,
    metrics: TrainerMetrics,
    levels: LevelTable,
    office: Office | None,
    stack: ExitStack,
    stop: Stop,
    at_work: Callable[[], None],
) -> None:
    dataset = Dataset(settings.dataset)
    drift = DriftFeed(Drift(), settings.zone, _now)
    drift.rebuild(dataset)

    def joined(one: Joined) -> None:
        metrics.live.count(one)
        drift.joined(one)

    live = LiveScores(joined, capacity=settings.live_reports)
    rebuild(live, dataset, levels)

    kafka = settings.kafka.for_group(GROUP)
    sender = stack.enter_context(Sender(kafka, stop))
    intake = Intake(dataset, sender, _draw(settings), _now)
    starts = intake.starts()
    reader = stack.enter_context(Reader(kafka, settings.topics, start=starts))
    for (topic, partition), lost in missed(reader, starts).items():
        logs.tell("missed", topic=topic, partition=partition, records=lost)
        metrics.missed.labels(topic).inc(lost)
    publisher = office.sender(stop) if office else sender
    trainings = Trainings(settings, dataset, publisher, metrics, _now, stopping=stop)
    stack.callback(trainings.stop)
    tidying = Tidying(dataset, metrics.tidied)
    stack.callback(tidying.stop)
    _look(drift, trainings)  # what had drifted before was told before
    at_work()

    rows = Counter({topic: dataset[table].count() for topic, table in TABLES.items()})

    @uncollected()
    def take() -> None:
        if records := gather(reader, settings.batch, settings.batch_seconds, stop):
            began = time.perf_counter()
            taken = intake.take(records)
            for event in taken.events:
                drift.feed(event)
                feed(live, event, levels)
            metrics.took(taken, time.perf_counter() - began)
            rows.update(taken.rows)

    shown, compared = -settings.live_seconds, -AGREEMENT_SECONDS
    while not stop():
        if office and not office.held():
            raise Followed("another trainer has taken this one's place, or the broker was away for too long")
        take()
        if time.monotonic() - compared > AGREEMENT_SECONDS:
            metrics.agreed(agreement(dataset, levels))
            compared = time.monotonic()
        if time.monotonic() - shown > settings.live_seconds:
            metrics.live.show(live, time.time())
            shown = time.monotonic()
            for alarm in _look(drift, trainings):
                logs.tell("drift", day=alarm.day, found=alarm.told)
                metrics.drifted(alarm)
                trainings.drifted()
            metrics.tested(drift.tested)
        tidying.step(_now())
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


def _office(settings: TrainerSettings, metrics: TrainerMetrics, stack: ExitStack, stop: Stop) -> Office | None:
    """Wait until no other trainer of this model is at work, or `stop`; None on the demo's broker, which has but one."""
    metrics.leading.set(0)
    if settings.kafka.embedded:
        metrics.leading.set(1)
        return None
    office = stack.enter_context(office_of(settings))
    if not office.take(stop, PATIENCE_SECONDS) and not stop():
        why = f"another trainer of {settings.model_name} is at work, or no broker answers; this one waits for its turn"
        logs.tell("standby", reason=why)
        office.take(stop)
    metrics.leading.set(office.held())
    return office


def _draw(settings: TrainerSettings) -> AuditDraw:
    key = secret(settings.audit_key_file, settings.dataset)
    return AuditDraw(key, settings.audit_rate, settings.audit_second_share)


def _now() -> datetime:
    return datetime.now(UTC)
