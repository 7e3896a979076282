"""The trainings of a running trainer: begun when due, watched, announced, written down. One at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

from schemas import topics
from schemas.model_version import ModelVersion
from severity.artefact.proof import Proved
from severity.artefact.store import open_store
from telemetry import logs
from trainer.dataset.dataset import Dataset
from trainer.dataset.intake import Sender
from trainer.dataset.rows import TRAININGS, columns, training_row
from trainer.judging.gate import HELD
from trainer.metrics import TrainerMetrics
from trainer.releasing.publish import announced, publish
from trainer.releasing.releases import champion, hold, next_release, releases, trusted
from trainer.settings import TrainerSettings
from trainer.training.job import Job, Result
from trainer.training.schedule import Past, Schedule, Trigger
from trainer.training.worker import TrainingFailed, Worker
from transport.clients import never
from transport.errors import NotDelivered
from transport.office import FENCED, Office

AGAIN: Final = ("failed", "timed-out", "superseded")
"""Results of trainings that gave no answer: they are tried again."""

JUDGED: Final = ("promoted", "challenger", "nothing-to-fit")
"""Results of those that gave one."""


class Trainings:
    """Call `step` often; it never waits for a fit, and whatever goes wrong with a training it goes on.

    Args:
        publisher: announces releases; `transport.office.FencingSender` where several trainers may run.
        clock: the time now, with an offset.
        start: begins a training with so many threads.
        stopping: whether the trainer is to end, and need not wait for brokers any longer.
    """

    def __init__(
        self,
        settings: TrainerSettings,
        dataset: Dataset,
        publisher: Sender,
        metrics: TrainerMetrics,
        clock: Callable[[], datetime],
        start: Callable[[Job, int], Worker] = Worker,
        stopping: Callable[[], bool] = never,
    ) -> None:
        self._settings = settings
        self._stopping = stopping
        self._start = start
        self._dataset = dataset
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._schedule = Schedule(
            settings.first_outcomes,
            settings.daily_at,
            settings.zone,
            settings.every_outcomes,
            timedelta(minutes=settings.cool_down_minutes),
        )
        self._longest = timedelta(minutes=settings.training_minutes)
        self._champion = champion(announced(settings.kafka, settings.model_name, stopping), known_releases(settings))
        self._past = _past(dataset, self._champion)
        self._drifted = False
        self._running: _Running | None = None
        for trigger in Trigger:
            for result in (*JUDGED, *AGAIN):
                metrics.trainings.labels(trigger, result)  # so that the first one is an increase
        metrics.serving(self._champion)
        metrics.gate_refused_in_a_row.set(_refused_in_a_row(dataset))
        metrics.model_age.set_function(self._model_age)

    def drifted(self) -> None:
        """Drift was found: a reason to train as soon as the cool-down allows it."""
        self._drifted = True

    @property
    def learned_until(self) -> datetime | None:
        """Up to when what happened may have gone into the champion: when it was made. None without one."""
        return self._champion.created_at if self._champion else None

    def step(self, outcomes: int) -> None:
        """Begin a training when one is due with `outcomes` events in the dataset; deal with one that has ended.

        Raises `NotDelivered` when another trainer has taken this one's place.
        """
        now = self._clock()
        if self._running is None:
            trigger = self._schedule.due(now, outcomes, self._past, drifted=self._drifted)
            if trigger is not None:
                self._past = replace(self._past, attempted_at=now, outcomes=outcomes, failed=True)
                self._drifted = False
                self._guarded(trigger, lambda: self._begin(trigger, now, outcomes))
        elif self._running.worker.ended() or now - self._running.began > self._longest:
            running, self._running = self._running, None
            self._metrics.progress.set(0)
            self._guarded(running.trigger, lambda: self._end(running, now))
        else:
            self._running.tell(self._metrics)

    def stop(self) -> None:
        """End a training under way; nothing of it is announced."""
        if self._running is not None:
            self._running.worker.kill()
            self._running = None

    def _guarded(self, trigger: Trigger, act: Callable[[], None]) -> None:
        """A training's own trouble must not stop intake: it is counted and tried again after the cool-down."""
        try:
            act()
        except Exception as error:
            if isinstance(error, NotDelivered) and error.reason == FENCED:
                raise
            self._metrics.trainings.labels(trigger, "failed").inc()
            logs.tell("trained", result="failed", verdict=f"{type(error).__name__}: {error}")

    def _begin(self, trigger: Trigger, now: datetime, outcomes: int) -> None:
        versions = announced(self._settings.kafka, self._settings.model_name, self._stopping)
        known = known_releases(self._settings)
        self._champion = champion(versions, known)
        self._metrics.serving(self._champion)
        job = job_of(self._settings, versions, known, now)
        logs.tell("training", trigger=trigger, release=job.release, outcomes=outcomes)
        worker = self._start(job, self._settings.training_threads)
        self._running = _Running(worker, trigger, now, outcomes, job.parent)

    def _end(self, running: "_Running", now: datetime) -> None:
        seconds = (now - running.began).total_seconds()
        self._metrics.training_seconds.observe(seconds)
        if not running.worker.ended():
            running.worker.kill()
            verdict = f"killed: not ended after {seconds / 60:.0f} minutes (SEVERITY_TRAINER__TRAINING_MINUTES)"
            return self._write_down(running, seconds, "timed-out", None, verdict)
        try:
            result = running.worker.result()
        except TrainingFailed as error:
            return self._write_down(running, seconds, "failed", None, str(error))
        if result.version is not None:
            why = publish(self._settings, self._publisher, result.version, running.parent, self._stopping)
            if why is not None:
                return self._write_down(running, seconds, "superseded", result, why)
        self._past = replace(self._past, failed=False)
        if result.promoted:
            self._champion = result.version
            self._past = replace(self._past, released=True)
            self._metrics.serving(self._champion)
        self._metrics.judged(result)
        self._write_down(running, seconds, outcome_of(result), result, result.verdict)

    def _write_down(
        self, running: "_Running", seconds: float, outcome: str, result: Result | None, verdict: str
    ) -> None:
        version = result.version if result else None
        ended = running.began + timedelta(seconds=seconds)
        row = training_row(running.began, ended, running.outcomes, outcome, result, verdict)
        self._dataset["trainings"].add(columns([row], TRAININGS))
        self._metrics.trainings.labels(running.trigger, outcome).inc()
        logs.tell(
            "trained",
            result=outcome,
            release=version.release if version else None,
            rows=result.rows if result else None,
            verdict=verdict,
            seconds=round(seconds, 1),
            metrics=dict(version.metrics) if version else {},
            stages=result.seconds if result else {},
        )

    def _model_age(self) -> float:
        if self._champion is None:
            return float("nan")
        return (self._clock() - self._champion.created_at).total_seconds()


class _Running:
    """A training under way, what set it off, and the champion then."""

    def __init__(self, worker: Worker, trigger: Trigger, began: datetime, outcomes: int, parent: str | None) -> None:
        self.worker = worker
        self.trigger = trigger
        self.began = began
        self.outcomes = outcomes
        self.parent = parent
        self._stage = ""

    def tell(self, metrics: TrainerMetrics) -> None:
        """Show how far it is, and say so when a new stage begins."""
        progress = self.worker.progress
        metrics.progress.set(progress.done)
        if progress.stage != self._stage:
            self._stage = progress.stage
            logs.tell("training-stage", stage=progress.stage, done=round(progress.done, 2))


def office_of(settings: TrainerSettings) -> Office:
    """The office that a trainer of this model holds while it trains and publishes. Not for the demo's broker."""
    return Office(settings.kafka, f"severity-trainer-{settings.model_name}", topics.MODEL_VERSIONS)


def known_releases(settings: TrainerSettings) -> list[Proved]:
    """The properly signed releases in the store, newest first."""
    return releases(open_store(settings.artefacts), trusted(settings.signing_key), settings.model_name)


def job_of(settings: TrainerSettings, versions: list[ModelVersion], known: list[Proved], now: datetime) -> Job:
    """A training on all that the dataset holds, to become the release after `versions` and the `known` ones."""
    before = champion(versions, known)
    return Job(
        dataset=settings.dataset,
        artefacts=settings.artefacts,
        signing_key=settings.signing_key,
        levels=settings.levels,
        model_name=settings.model_name,
        release=next_release(versions, known),
        parent=before.digest if before else None,
        hold=hold(before, known),
        now=now,
        expires_days=settings.expires_days,
        window=settings.window,
        half_life_days=settings.half_life_days,
        threads=settings.training_threads,
    )


def outcome_of(result: Result) -> str:
    """What came of a training that ended by itself, in one word."""
    if result.version is None:
        return "nothing-to-fit"
    return "promoted" if result.promoted else "challenger"


def _past(dataset: Dataset, before: ModelVersion | None) -> Past:
    rows = dataset.query("SELECT started_at, outcomes, result FROM trainings ORDER BY started_at DESC LIMIT 1")
    for row in rows.to_pylist():
        return Past(row["started_at"].astimezone(UTC), row["outcomes"], before is not None, row["result"] in AGAIN)
    return Past(released=before is not None)


def _refused_in_a_row(dataset: Dataset) -> int:
    """Newest candidates that the gate refused, since one passed; at most a hundred are looked at."""
    judged = dataset.query(
        "SELECT result, verdict FROM trainings WHERE result IN ('promoted', 'challenger')"
        " ORDER BY started_at DESC LIMIT 100"
    ).to_pylist()
    since = takewhile(lambda row: row["result"] != "promoted", judged)
    return sum(not row["verdict"].startswith(f"{HELD}:") for row in since)
