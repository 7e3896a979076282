"""`severity evaluate <city> FILE`: how good the model is on a city's own published reports, said honestly."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cad.cities import cities

WORKERS: Final = 4
"""Most processes that fit days side by side; each holds the reports once more."""

Step = TypeVar("Step")


app = typer.Typer(help="How good the model is on a city's published reports.", no_args_is_help=True)


def evaluate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The city's file: CSV, plain or gzipped.", exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, all else on stderr.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a confusion matrix and a reliability plot.")] = None,
    prequential: Annotated[
        Literal["daily"] | None, typer.Option(help="Also score each day with the model of the day before.")
    ] = None,
    outcomes: Annotated[
        str, typer.Option(help="Day by day, the outcomes that teach: all, solved, or solved+audit:<share>.")
    ] = "all",
    delay: Annotated[
        Literal["none", "drawn"], typer.Option(help="When they are known: on the day of filing, or later.")
    ] = "none",
    audit_key: Annotated[str, typer.Option(help="Key of the hash that draws the audit.")] = "evaluate",
) -> None:
    """The newest tenth of the reports as the test, without the final offence: baselines, rules and the model."""
    # Before numpy loads, for this process and its workers: OpenMP threads that wait for one another on a busy machine
    # take five times as long as one alone.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from cad.filings import CityFileError
    from cad.outcomes import Delays
    from cli.evaluate import as_json as answers
    from cli.evaluate import contest
    from cli.evaluate.view import View, draw
    from severity.facts import INFORMATION
    from trainer.offline.holdout import Holdout
    from trainer.offline.prequential import Day, Regime, filing_days, pooled, scored_days

    try:
        regime = Regime.parse(outcomes)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--outcomes") from None
    delays = Delays() if delay == "drawn" else None
    errors = Console(stderr=True)
    view = View(errors if as_json else Console())

    try:
        with errors.status(f"reading {file.name}"):
            material = contest.read(cities()[context.info_name or ""], file)
    except CityFileError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from None
    view.material(material)

    held: dict[tuple[str, str], Holdout] = {}
    steps = contest.information_sets(material)
    total = len(INFORMATION) * len(contest.CONTENDERS)
    for information, name, holdout in _followed(steps, total, "fitting and judging", errors):
        held[information, name] = holdout
    view.holdout(material, held)
    answer = answers.as_json(material, held)

    if prequential:
        workers = ProcessPoolExecutor(min(WORKERS, os.cpu_count() or 1), mp_context=get_context("spawn"))
        try:
            total = len(scored_days(filing_days(material.labelled.reports)))
            days = contest.days(material, regime, delays, audit_key, workers)
            found: list[Day] = [*_followed(days, total, "day by day", errors)]
        finally:
            workers.shutdown(cancel_futures=True)
        told = contest.Told(outcomes, delays)
        course = pooled(material.labelled, found)
        view.course(material, course, told)
        answer["prequential"] = answers.course_as_json(course, told)
    if out:
        for path in draw(material, held, out):
            view.wrote(path)
    if as_json:
        typer.echo(json.dumps(answer, allow_nan=False))


def _followed(steps: Iterable[Step], total: int, what: str, console: Console) -> Iterable[Step]:
    """`steps`, with a bar of their progress."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        yield from progress.track(steps, total=total, description=what)


for _name in cities():
    app.command(_name)(evaluate)
