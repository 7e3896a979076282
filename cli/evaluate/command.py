"""`severity evaluate <city> FILE`: how good the model is on a city's own published reports, said honestly."""

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
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
    file: Annotated[Path, typer.Argument(help="The city's published file.", exists=True, dir_okay=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, all else on stderr.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a confusion matrix and a reliability plot.")] = None,
    prequential: Annotated[
        Literal["daily", "yearly"] | None,
        typer.Option(help="Also score each day (or year) with the model of the day before it."),
    ] = None,
    outcomes: Annotated[
        str, typer.Option(help="Period by period, the outcomes that teach: all, solved, or solved+audit:<share>.")
    ] = "all",
    delay: Annotated[
        Literal["none", "drawn", "both"],
        typer.Option(help="When they are known: on the day of filing, or weeks later by drawn delays."),
    ] = "none",
    audit_key: Annotated[str, typer.Option(help="Key of the hash that draws the audit.")] = "evaluate",
    audit_keys: Annotated[int, typer.Option(help="Draw the audit anew so many times.", min=1, max=100)] = 1,
    half_life: Annotated[
        list[float] | None,
        typer.Option(help="Period by period, also retrain with weights that halve in so many days; may be repeated."),
    ] = None,
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
    from trainer.offline.holdout import Holdout
    from trainer.offline.outcomes import Regime
    from trainer.offline.prequential import DAILY, YEARLY, Course, Stretch, pooled

    try:
        regime = Regime.parse(outcomes)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--outcomes") from None
    if audit_keys > 1 and not regime.audit:
        raise typer.BadParameter(f"outcomes {outcomes!r} hold no audit to draw anew", param_hint="--audit-keys")
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
    total = len(material.city.tells) * len(contest.CONTENDERS)
    for information, name, holdout in _followed(steps, total, "fitting and judging", errors):
        held[information, name] = holdout
    view.holdout(material, held)
    answer = answers.as_json(material, held)

    if prequential:
        rhythm = DAILY if prequential == "daily" else YEARLY
        keys = [audit_key] if audit_keys == 1 else [f"{audit_key}-{number}" for number in range(1, audit_keys + 1)]
        half_lives = {contest.RETRAINED: None, **{f"half-life {days:g} days": days for days in half_life or ()}}
        known_late: dict[str, list[Delays | None]] = {"none": [None], "drawn": [Delays()], "both": [None, Delays()]}
        told = []
        with _workers(prequential) as workers:
            for delays in known_late[delay]:
                courses: dict[str, Course] = {}
                for key in keys:
                    held_out = contest.prequential(material, regime, rhythm, half_lives, delays, key)
                    total = len(rhythm.scored(held_out.filed))
                    what = f"{prequential}{', delays drawn' if delays else ''}, audit {len(courses) + 1} of {len(keys)}"
                    found: list[Stretch] = [*_followed(held_out.stretches(workers), total, what, errors)]
                    courses[key] = pooled(material.labelled, found)
                    errors.print(f"  {what}: {courses[key]}", highlight=False)
                told.append(contest.Told(outcomes, delays, courses))
        view.courses(material, rhythm, told)
        answer["prequential"] = [answers.told_as_json(one) for one in told]
    if out:
        for path in draw(material, held, out):
            view.wrote(path)
    if as_json:
        typer.echo(json.dumps(answer, allow_nan=False))


@contextmanager
def _workers(rhythm: Literal["daily", "yearly"]) -> Iterator[Executor]:
    """Processes for the many small fits of days; a thread for the few large ones of years, whose reports are many."""
    if rhythm == "yearly":
        workers: Executor = ThreadPoolExecutor(1)
    else:
        count = min(WORKERS, os.cpu_count() or 1)
        workers = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker when the command is killed: it would fit on for half an hour, for no one."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _followed(steps: Iterable[Step], total: int, what: str, console: Console) -> Iterable[Step]:
    """`steps`, with a bar of their progress."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        yield from progress.track(steps, total=total, description=what)


for _name in cities():
    app.command(_name)(evaluate)
