"""The `severity` command. Each sub-command imports what it runs only when it runs, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from cli import evaluate, train
from cli.demo import command as demo

app = typer.Typer(
    name="severity",
    help="Ranks crime reports by severity as they arrive: a streaming scorer and a trainer on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
schema = typer.Typer(help="The contract for other languages.", no_args_is_help=True)
keys = typer.Typer(help="Keys that sign model releases.", no_args_is_help=True)
kafka = typer.Typer(help="A real Apache Kafka on this machine, for trying things out.", no_args_is_help=True)
app.add_typer(schema, name="schema")
app.add_typer(keys, name="keys")
app.add_typer(kafka, name="kafka")
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.add_typer(evaluate.app, name="evaluate")


@app.command()
def scorer() -> None:
    """Run the scorer: reads `crime-reports`, publishes `priorities`, reloads models. Settings: SEVERITY_SCORER__*."""
    from stream.launch import launch

    raise typer.Exit(launch())


@app.command()
def trainer() -> None:
    """Run the trainer: reads outcomes, retrains daily, publishes releases. Settings: SEVERITY_TRAINER__*."""
    from trainer.service import run
    from trainer.settings import TrainerSettings

    raise typer.Exit(run(TrainerSettings()))


@app.command()
def cad() -> None:
    """Run a producer: a simulated city or a replay of a city's open data. Settings: SEVERITY_CAD__*."""
    from cad.service import run
    from cad.settings import CadSettings

    raise typer.Exit(run(CadSettings()))


@schema.command("export")
def export(folder: Annotated[Path, typer.Argument(help="Where to write; made if absent.")]) -> None:
    """Write JSON Schema 2020-12 of every event and one AsyncAPI 3 document."""
    from schemas.export import write

    for path in write(folder):
        typer.echo(path)


if __name__ == "__main__":
    app()
