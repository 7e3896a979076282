"""`severity audit`: the work list of the people who grade reports, and how well they agree."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trainer.audits.agreement import Agreement
    from trainer.audits.work_list import OpenRequest

app = typer.Typer(help="Reports drawn for a person to grade.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command("list")
def show_list(
    minutes: Annotated[float | None, typer.Option(help="Minutes a report takes; default: the setting.", min=0)] = None,
    limit: Annotated[int, typer.Option(help="Most requests that a terminal is shown.", min=0)] = 40,
    as_json: AsJson = False,
) -> None:
    """Open requests, oldest first, and the hours they will cost; below, how well graders agreed so far.

    An answer is an outcome on `solved-cases` with basis `audited` and the request's id and probability. A second
    request for a report (`second`) is for another person, who does not see the first answer.
    """
    from severity.levels import LevelTable
    from trainer.audits.agreement import agreement
    from trainer.audits.work_list import open_requests
    from trainer.dataset.dataset import Dataset
    from trainer.settings import TrainerSettings

    settings = TrainerSettings()
    dataset = Dataset(settings.dataset)
    requests = open_requests(dataset, datetime.now(UTC))
    each = settings.audit_minutes if minutes is None else minutes
    hours = len(requests) * each / 60
    agreed = agreement(dataset, LevelTable.load(settings.levels))
    if as_json:
        said = {
            "open": [asdict(request) | {"drawn_at": request.drawn_at.isoformat()} for request in requests],
            "minutes_each": each,
            "hours": round(hours, 2),
            "agreement": _plain(asdict(agreed)),
        }
        typer.echo(json.dumps(said))
        return
    console = Console()
    console.print(_table(requests[:limit]))
    more = f", {limit} of them shown" if len(requests) > limit else ""
    console.print(f"{len(requests)} open{more}: {hours:.1f} hours at {each:g} minutes each")
    console.print(_words(agreed))


@app.command("agreement")
def show_agreement(as_json: AsJson = False) -> None:
    """Cohen's kappa of the reports that two people graded, plain and with quadratic weights, with their intervals."""
    from severity.levels import LevelTable
    from trainer.audits.agreement import agreement
    from trainer.dataset.dataset import Dataset
    from trainer.settings import TrainerSettings

    settings = TrainerSettings()
    agreed = agreement(Dataset(settings.dataset), LevelTable.load(settings.levels))
    typer.echo(json.dumps(_plain(asdict(agreed))) if as_json else _words(agreed))


def _table(requests: "list[OpenRequest]") -> Table:
    table = Table(title="reports to grade, oldest first", title_justify="left")
    for name in ("agency", "report", "request", "second", "place type"):
        table.add_column(name)
    table.add_column("age, hours", justify="right")
    for one in requests:
        second = "another person" if one.second else ""
        row = one.agency_id, one.report_id, one.request_id, second, one.place_type or "", f"{one.age_hours:.1f}"
        table.add_row(*row)
    return table


def _words(agreed: "Agreement") -> str:
    if not agreed.pairs:
        return "nothing was graded by two people yet"
    (low, high), (quadratic_low, quadratic_high) = agreed.kappa_interval, agreed.quadratic_interval
    return (
        f"{agreed.pairs} graded by two people: the same level in {agreed.same:.0%}, kappa {agreed.kappa:.2f}"
        f" [{low:.2f}, {high:.2f}], with quadratic weights {agreed.quadratic:.2f}"
        f" [{quadratic_low:.2f}, {quadratic_high:.2f}] (95 %); {agreed.without_level} more without a level"
    )


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN."""

    def one(value: Any) -> Any:
        if isinstance(value, tuple):
            return [one(each) for each in value]
        return None if isinstance(value, float) and isnan(value) else value

    return {name: one(value) for name, value in figures.items()}
