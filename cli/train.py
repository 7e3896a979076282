"""`severity train`: one training from the dataset, watched by a person."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

OFFICE_SECONDS = 15.0
"""How long to wait for the place of a trainer that was killed: Kafka notices within some seconds."""

if TYPE_CHECKING:
    from trainer.dataset.dataset import Dataset
    from trainer.settings import TrainerSettings
    from trainer.training.job import Result


def train(
    once: Annotated[
        bool, typer.Option("--once", help="One training now, as without it; the daily ones are `severity trainer`.")
    ] = True,
    announce: Annotated[
        bool, typer.Option(help="Announce the release on `model-versions`, so that every scorer loads it.")
    ] = True,
    as_of: Annotated[
        int | None,
        typer.Option(help="Fit nothing: make the training set of this release again and say whether it is the same."),
    ] = None,
) -> None:
    """Train once from the dataset, with a progress bar, and announce the release.

    Settings come from the environment, as the trainer's: SEVERITY_TRAINER__* and SEVERITY_KAFKA__*. The exit code is 0
    when the release passed the gate.
    """
    from severity.artefact.keys import load_private
    from trainer.dataset.dataset import Dataset
    from trainer.dataset.rows import TRAININGS, columns, training_row
    from trainer.releasing.publish import announced, publish
    from trainer.settings import TrainerSettings
    from trainer.training.trainings import job_of, known_releases, office_of, outcome_of
    from trainer.training.worker import TrainingFailed, Worker
    from transport.errors import TransportError
    from transport.sender import Sender

    console = Console(stderr=True)
    settings = TrainerSettings()
    load_private(settings.signing_key)  # a wrong one is told now, not by the training
    dataset = Dataset(settings.dataset)
    if as_of is not None:
        raise typer.Exit(0 if _as_of(settings, dataset, as_of) else 1)
    began, outcomes = datetime.now(UTC), dataset["outcomes"].count()

    def write_down(outcome: str, result: "Result | None", verdict: str) -> None:
        row = training_row(began, datetime.now(UTC), outcomes, outcome, result, verdict)
        dataset["trainings"].add(columns([row], TRAININGS))

    try:
        with ExitStack() as stack:
            office = stack.enter_context(office_of(settings)) if announce and not settings.kafka.embedded else None
            if office and not office.take(lambda: False, OFFICE_SECONDS):
                raise TrainingFailed(
                    f"a trainer of {settings.model_name} is at work, and one alone publishes: stop it, or --no-announce"
                )
            before = announced(settings.kafka, settings.model_name) if announce else []
            job = job_of(settings, before, known_releases(settings), began)
            worker = Worker(job, settings.training_threads)
            with _bar(console) as bar:
                task = bar.add_task("starting", total=1.0)
                try:
                    while not worker.ended():
                        bar.update(task, description=worker.progress.stage, completed=worker.progress.done)
                        time.sleep(0.1)
                        if office and not office.held():
                            raise TrainingFailed("another trainer has taken over: nothing was announced")
                except BaseException:
                    worker.kill()
                    raise
                bar.update(task, description="done", completed=1.0)
            result = worker.result()
            why = None
            if result.version is not None and announce:
                sender = office.sender() if office else stack.enter_context(Sender(settings.kafka))
                why = publish(settings, sender, result.version, job.parent)
    except (TrainingFailed, TransportError) as error:
        write_down("failed", None, str(error))
        console.print(str(error), style="bold red", markup=False)
        raise typer.Exit(1) from None
    if why is not None:
        write_down("overtaken", result, why)
        console.print(why, style="bold red", markup=False)
        raise typer.Exit(1)
    write_down(outcome_of(result), result, result.verdict)
    typer.echo(result.verdict, err=True)
    if result.version is not None:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in result.version.metrics.items())
        typer.echo(f"release {result.version.release} as {result.version.role}: {figures}", err=True)
        typer.echo(result.version.location, err=True)
    raise typer.Exit(0 if result.promoted else 1)


def _as_of(settings: "TrainerSettings", dataset: "Dataset", release: int) -> bool:
    """Whether the training set of a release can be made again, erased reports aside; says how it compares."""
    from severity.levels import LevelTable
    from trainer.training.as_of import made_again
    from trainer.training.trainings import known_releases

    manifests = [one.manifest for one in known_releases(settings) if one.manifest.release == release]
    if not manifests:
        typer.echo(f"no release {release} signed by a trusted key lies in {settings.artefacts}", err=True)
        return False
    found = made_again(dataset, LevelTable.load(settings.levels), manifests[0])
    typer.echo(found)
    return found.explained


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    )
