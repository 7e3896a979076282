"""`severity train`: one training from the dataset, watched by a person."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


def train(
    once: Annotated[
        bool, typer.Option("--once", help="One training now, as without it; the daily ones are `severity trainer`.")
    ] = True,
    announce: Annotated[
        bool, typer.Option(help="Announce the release on `model-versions`, so that every scorer loads it.")
    ] = True,
) -> None:
    """Train once from the dataset, with a progress bar, and announce the release.

    Settings come from the environment, as the trainer's: SEVERITY_TRAINER__* and SEVERITY_KAFKA__*. The exit code is 0
    when the release passed the gate.
    """
    from severity.keys import load_private
    from trainer.publish import announce as put_before_scorers
    from trainer.publish import announced
    from trainer.settings import TrainerSettings
    from trainer.trainings import job_of, known_releases
    from trainer.worker import TrainingFailed, Worker
    from transport.errors import TransportError
    from transport.sender import Sender

    console = Console(stderr=True)
    settings = TrainerSettings()
    load_private(settings.signing_key)  # a wrong one is told now, not by the training
    try:
        before = announced(settings.kafka, settings.model_name) if announce else []
        job = job_of(settings, before, known_releases(settings), datetime.now(UTC))
        worker = Worker(job, settings.training_threads)
        with _bar(console) as bar:
            task = bar.add_task("starting", total=1.0)
            try:
                while not worker.ended():
                    bar.update(task, description=worker.progress.stage, completed=worker.progress.done)
                    time.sleep(0.1)
            except BaseException:
                worker.kill()
                raise
            bar.update(task, description="done", completed=1.0)
        result = worker.result()
        if result.version is not None and announce:
            with Sender(settings.kafka) as sender:
                put_before_scorers(sender, result.version)
    except (TrainingFailed, TransportError) as error:
        console.print(str(error), style="bold red", markup=False)
        raise typer.Exit(1) from None
    typer.echo(result.verdict, err=True)
    if result.version is not None:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in result.version.metrics.items())
        typer.echo(f"release {result.version.release} as {result.version.role}: {figures}", err=True)
        typer.echo(result.version.location, err=True)
    raise typer.Exit(0 if result.promoted else 1)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    )
