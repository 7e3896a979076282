"""The `severity` command. Each sub-command imports what it runs only when it runs, so that `--help` is quick."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from cli import acls, audit, dlq, erase, fetch, metrics, settings, train
from cli.demo import command as demo
from cli.doctor import command as doctor
from cli.errors import Commands
from cli.evaluate import command as evaluate
from cli.model import command as model
from telemetry.ending import end_with_parent


def _watch_parent(asked: bool) -> None:
    if asked:
        end_with_parent()


app = typer.Typer(
    name="severity",
    cls=Commands,
    help="Ranks crime reports by severity as they arrive: a streaming scorer and a trainer on Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
schema = typer.Typer(help="The contract for other languages.", no_args_is_help=True)
keys = typer.Typer(help="Keys that sign model releases.", no_args_is_help=True)
kafka = typer.Typer(help="A real Apache Kafka on this machine, for trying things out.", no_args_is_help=True)
topics = typer.Typer(help="The topics on a cluster.", no_args_is_help=True)
app.add_typer(topics, name="topics")
app.add_typer(acls.app, name="acls")
app.add_typer(schema, name="schema")
app.add_typer(keys, name="keys")
app.add_typer(kafka, name="kafka")
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("erase")(erase.erase)
app.add_typer(audit.app, name="audit")
app.add_typer(dlq.app, name="dlq")
app.add_typer(model.app, name="model")
app.add_typer(metrics.app, name="metrics")
app.add_typer(settings.app, name="settings")
app.command("doctor")(doctor.doctor)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(fetch.app, name="fetch")


WithParent = Annotated[
    bool, typer.Option("--with-parent", callback=_watch_parent, help="End when standard input closes.")
]


@app.command()
def scorer(with_parent: WithParent = False) -> None:
    """Run the scorer: reads `crime-reports`, publishes `priorities`, reloads models.

    Settings come from the environment: SEVERITY_SCORER__* and SEVERITY_KAFKA__*; `severity settings` lists them.
    """
    from stream.service import run
    from stream.settings import ScorerSettings

    raise typer.Exit(run(ScorerSettings()))


@app.command()
def trainer(with_parent: WithParent = False) -> None:
    """Run the trainer: reads reports, priorities and outcomes, retrains daily, publishes releases.

    Settings come from the environment: SEVERITY_TRAINER__* and SEVERITY_KAFKA__*; `severity settings` lists them.
    """
    from trainer.service import run
    from trainer.settings import TrainerSettings

    raise typer.Exit(run(TrainerSettings()))


@app.command()
def cad(
    city: Annotated[str | None, typer.Option(help="`simulated`; or lapd, stlouis, toronto: replay --data.")] = None,
    data: Annotated[Path | None, typer.Option(help="The city's file.", exists=True, dir_okay=False)] = None,
    rate: Annotated[float | None, typer.Option(help="Reports a second, in the order of filing.")] = None,
    speed: Annotated[float | None, typer.Option(help="Instead: how many times faster than the city's clock.")] = None,
    reports: Annotated[int | None, typer.Option(help="Stop filing after so many.")] = None,
    with_parent: WithParent = False,
) -> None:
    """Run a producer: a simulated city or a replay of a city's open data, with its records office and graders.

    More settings come from the environment: SEVERITY_CAD__* and SEVERITY_KAFKA__*; `severity settings` lists them.
    """
    from cad.service import run
    from cad.settings import CadSettings

    chosen = {"city": city, "data": data, "rate": rate, "speed": speed, "reports": reports}
    given = {name: value for name, value in chosen.items() if value is not None}
    raise typer.Exit(run(CadSettings.model_validate(given)))


@keys.command("new")
def new(
    folder: Annotated[Path, typer.Argument(help="Where to write the pair; made if absent.")],
    name: Annotated[str, typer.Option(help="Name of the pair's files.")] = "severity",
) -> None:
    """Make an Ed25519 pair: the private key signs releases at the trainer, the public one goes to every scorer."""
    from severity.artefact.keys import new_pair

    private, public = new_pair(folder, name)
    typer.echo(f"private key: {private} (keep it with the trainer alone)")
    typer.echo(f"public key:  {public} (give it to every scorer as SEVERITY_SCORER__TRUSTED_KEYS)")


@kafka.command("up")
def up(
    folder: Annotated[Path | None, typer.Option(help="Keep its data here; by default it is gone at the end.")] = None,
    port: Annotated[int, typer.Option(help="Where it listens on 127.0.0.1; 0: a free port.", min=0, max=65535)] = 9092,
) -> None:
    """Fetch Apache Kafka if needed, start one broker on loopback with our topics, and run until Ctrl-C.

    Needs Java 17 or newer, and Maven the first time.
    """
    from cli.topics import topic_specs
    from transport.errors import NoBroker
    from transport.local_kafka import LocalKafka

    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended either way, it leaves nothing behind
        with LocalKafka(folder, topics=topic_specs(), port=port) as broker:
            servers = broker.bootstrap_servers
            typer.echo(f"Kafka is up at {servers}; try: severity demo --bootstrap-servers {servers}")
            threading.Event().wait()
    except NoBroker as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("stopped")


@topics.command("apply")
def apply(
    partitions: Annotated[int, typer.Option(help="Of the topics of reports, priorities and outcomes.", min=1)] = 4,
    replication: Annotated[int, typer.Option(help="Copies of each partition.", min=1)] = 1,
    agency: Annotated[list[str] | None, typer.Option(help="Each that shares the cluster: topics of its own.")] = None,
) -> None:
    """Make the topics that are not there yet on the cluster that SEVERITY_KAFKA__BOOTSTRAP_SERVERS names."""
    from cli.topics import topic_specs
    from transport.settings import KafkaSettings
    from transport.topics import create_topics

    specs = topic_specs(partitions, replication, agency or ())
    create_topics(KafkaSettings(), specs)
    for topic in specs:
        typer.echo(topic.name)


@schema.command("export")
def export(folder: Annotated[Path, typer.Argument(help="Where to write; made if absent.")]) -> None:
    """Write JSON Schema 2020-12 of every event and one AsyncAPI 3 document."""
    from schemas.export import write

    for path in write(folder):
        typer.echo(path)


@schema.command("page")
def page(file: Annotated[Path, typer.Argument(help="Where to write, replaced if it exists.", dir_okay=False)]) -> None:
    """Write the contract as a page for people: each event's topic, key and fields, with an example."""
    from schemas.page import render

    file.write_text(render(), encoding="utf-8", newline="\n")
    typer.echo(file)


if __name__ == "__main__":
    app()
