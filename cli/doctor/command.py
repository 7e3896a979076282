"""`severity doctor` itself: the round, and how its findings are shown."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.doctor.finding import Findings


class Service(StrEnum):
    """Whose machine it is."""

    SCORER = "scorer"
    TRAINER = "trainer"


def doctor(
    service: Annotated[
        list[Service] | None, typer.Option(help="What runs on this machine; again for both, which is the default.")
    ] = None,
    agency: Annotated[list[str] | None, typer.Option(help="Each that shares the cluster.")] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Compare clocks, too: writes a record to model-status in an aborted transaction."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Check settings, keys, stores, brokers, topics, ACLs, group and clock, and say what to do.

    It changes nothing. `ok`: as it should be. `warn`: works, and will hurt some day. `fail`: does not work; the exit
    code is 1 then.
    """
    from cli.doctor import cluster, own
    from cli.doctor.finding import Findings
    from stream.settings import ScorerSettings
    from trainer.settings import TrainerSettings
    from transport.settings import KafkaSettings

    services = set(service or Service)
    findings = Findings()
    kafka = own.settings(KafkaSettings, "kafka", findings)
    scorer = own.settings(ScorerSettings, "scorer", findings) if Service.SCORER in services else None
    trainer = own.settings(TrainerSettings, "trainer", findings) if Service.TRAINER in services else None
    if scorer:
        own.scorer(scorer, findings)
    if trainer:
        own.trainer(trainer, scorer.trusted_keys if scorer else None, findings)
    if kafka:
        group = scorer.group_id if scorer else ScorerSettings.model_fields["group_id"].default
        cluster.examine(kafka, agency or (), group, findings, write=write)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings.found]))
    else:
        _show(findings)
    raise typer.Exit(any(one.state == "fail" for one in findings.found))


def _show(findings: "Findings") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    for one in findings.found:
        console.print(Text.assemble((f"{one.state:4}", colours[one.state]), f" {one.check}: {one.told}"))
        if one.do:
            console.print(Text(f"     → {one.do}"))
    counts = {state: sum(one.state == state for one in findings.found) for state in colours}
    console.print(Text(", ".join(f"{count} {state}" for state, count in counts.items())))
