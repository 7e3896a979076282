"""The trainings of a running trainer: begun when due, watched, announced, written down. One at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from schemas.model_version import ModelVersion
from severity.proof import Proved
from severity.store import open_store
from trainer.dataset import Dataset
from trainer.intake import Sender
from trainer.job import Job, Result
from trainer.metrics import TrainerMetrics
from trainer.publish import announce, announced
from trainer.releases import champion, hold, next_release, releases, trusted
from trainer.rows import TRAININGS, columns
from trainer.say import say
from trainer.schedule import Past, Schedule, Trigger
from trainer.settings import TrainerSettings
from trainer.worker import TrainingFailed, Worker


class Trainings:
    """Call `step` often; it never waits for a fit. `clock`: the time now, with an offset."""

    def __init__(
        self,
        settings: TrainerSettings,
        dataset: Dataset,
        sender: Sender,
        metrics: TrainerMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._dataset = dataset
        self._sender = sender
        self._metrics = metrics
        self._clock = clock
        self._schedule = Schedule(settings.first_outcomes, settings.daily_at, settings.zone, settings.every_outcomes)
        self._champion = champion(announced(settings.kafka, settings.model_name), known_releases(settings))
        self._past = _past(dataset, self._champion)
        self._running: _Running | None = None
        metrics.release.set(self._champion.release if self._champion else 0)
        metrics.model_age.set_function(self._model_age)

    def step(self, outcomes: int) -> None:
        """Begin a training when one is due with `outcomes` events in the dataset; deal with one that has ended.

        Raises `NotDelivered` when a release could not be announced.
        """
        if self._running is None:
            trigger = self._schedule.due(self._clock(), outcomes, self._past)
            if trigger is not None:
                self._begin(trigger, outcomes)
        elif self._running.worker.ended():
            running, self._running = self._running, None
            self._metrics.progress.set(0)
            self._end(running)
        else:
            self._running.tell(self._metrics)

    def stop(self) -> None:
        """End a training under way; nothing of it is announced."""
        if self._running is not None:
            self._running.worker.kill()
            self._running = None

    def _begin(self, trigger: Trigger, outcomes: int) -> None:
        now = self._clock()
        versions = announced(self._settings.kafka, self._settings.model_name)
        known = known_releases(self._settings)
        self._champion = champion(versions, known)
        job = job_of(self._settings, versions, known, now)
        say("training", trigger=trigger, release=job.release, outcomes=outcomes)
        self._past = replace(self._past, attempted_at=now, outcomes=outcomes)
        self._running = _Running(Worker(job, self._settings.training_threads), trigger, now, outcomes)

    def _end(self, running: "_Running") -> None:
        seconds = (self._clock() - running.began).total_seconds()
        self._metrics.training_seconds.observe(seconds)
        try:
            result = running.worker.result()
        except TrainingFailed as error:
            self._write_down(running, seconds, "failed", None, str(error))
            return
        if result.version is not None:
            announce(self._sender, result.version)
        if result.promoted:
            self._champion = result.version
            self._past = replace(self._past, released=True)
            self._metrics.release.set(result.version.release if result.version else 0)
        self._write_down(running, seconds, _outcome(result), result, result.verdict)

    def _write_down(
        self, running: "_Running", seconds: float, outcome: str, result: Result | None, verdict: str
    ) -> None:
        self._metrics.trainings.labels(running.trigger, outcome).inc()
        version = result.version if result else None
        release, rows = version.release if version else None, result.rows if result else None
        row = (running.began, seconds, running.outcomes, outcome, release, rows, verdict)
        self._dataset["trainings"].add(columns([row], TRAININGS))
        say(
            "trained",
            result=outcome,
            release=release,
            rows=rows,
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
    """A training under way and what set it off."""

    def __init__(self, worker: Worker, trigger: Trigger, began: datetime, outcomes: int) -> None:
        self.worker = worker
        self.trigger = trigger
        self.began = began
        self.outcomes = outcomes
        self._stage = ""

    def tell(self, metrics: TrainerMetrics) -> None:
        """Show how far it is, and say so when a new stage begins."""
        progress = self.worker.progress
        metrics.progress.set(progress.done)
        if progress.stage != self._stage:
            self._stage = progress.stage
            say("training-stage", stage=progress.stage, done=round(progress.done, 2))


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
    )


def _outcome(result: Result) -> str:
    if result.version is None:
        return "nothing-to-fit"
    return "promoted" if result.promoted else "challenger"


def _past(dataset: Dataset, before: ModelVersion | None) -> Past:
    rows = dataset.query("SELECT started_at, outcomes FROM trainings ORDER BY started_at DESC LIMIT 1").to_pylist()
    if not rows:
        return Past(released=before is not None)
    return Past(rows[0]["started_at"].astimezone(UTC), rows[0]["outcomes"], before is not None)
