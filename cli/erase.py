"""`severity erase`: a report goes from everything of ours, and what is left of it elsewhere is said."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from trainer.dataset.elsewhere import Place


def erase(
    report: Annotated[str, typer.Option(help="AGENCY/REPORT, as in the key of its records.")],
    kafka: Annotated[bool, typer.Option(help="Look for its records in Kafka, too; reads all topics.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Erase a report from the dataset, the work lists and every later training set; also while a trainer runs.

    A keyed tombstone stays, so that a replay from Kafka does not bring it back. Then every file of the dataset and of
    the releases is searched for it, and its records in Kafka are listed, which go when their topic's retention is over.
    Models that were fitted to it stay until the next training. The exit code is 0 when no file of ours holds it.
    """
    from trainer.audits.key import secret
    from trainer.dataset.dataset import Dataset
    from trainer.dataset.elsewhere import elsewhere
    from trainer.dataset.erasure import erase as erase_from
    from trainer.dataset.traces import traces
    from trainer.settings import TrainerSettings
    from transport.errors import TransportError

    agency_id, slash, report_id = report.partition("/")
    if not (agency_id and slash and report_id):
        raise typer.BadParameter("give it as AGENCY/REPORT", param_hint="--report")
    settings = TrainerSettings()
    key = secret(settings.audit_key_file, settings.dataset)
    rows = erase_from(Dataset(settings.dataset), key, agency_id, report_id, datetime.now(UTC))
    held = {
        str(root): found
        for root in (settings.dataset, settings.artefacts)
        if (found := traces(root, agency_id, report_id))
    }
    places, why = None, "--no-kafka"
    if kafka:
        try:
            places = elsewhere(settings.kafka, agency_id, report_id)
        except TransportError as error:  # what was erased must be told all the same
            why = str(error)
    if as_json:
        kept = {"not_asked": why} if places is None else [asdict(place) for place in places]
        typer.echo(json.dumps({"report": report, "erased_rows": rows, "held_by_files": held, "kafka": kept}))
    else:
        _show(report, rows, held, places, why)
    raise typer.Exit(1 if held else 0)


def _show(report: str, rows: dict[str, int], held: dict[str, Any], places: "list[Place] | None", why: str) -> None:
    typer.echo(f"{report}: erased {', '.join(f'{count} of {name}' for name, count in rows.items())}")
    for root, names in held.items():
        typer.echo(f"STILL HELD under {root} by {', '.join(names)}")
        typer.echo("  a file that a killed trainer left goes when it is an hour old: run this again then")
    if not held:
        typer.echo("no file of the dataset or of the releases holds it")
    if places is None:
        typer.echo(f"Kafka was not asked ({why}); it keeps records until each topic's retention is over")
    for place in places or ():
        offsets = ", ".join(map(str, place.offsets))
        typer.echo(
            f"Kafka still holds {place.topic}/{place.partition} at offset {offsets}: {_kept(place.retention_ms)}"
        )
    if places == []:
        typer.echo("Kafka holds no record of it")
    typer.echo("models that were fitted to it score until the next training; it is in no training set from now on")


def _kept(retention_ms: int | None) -> str:
    if retention_ms is None:
        return "the broker does not tell how long"
    return "kept for ever" if retention_ms < 0 else f"kept for {timedelta(milliseconds=retention_ms)} from its writing"
