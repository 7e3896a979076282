"""`severity settings`: every setting of every service, with its default and what it means."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from rich.console import Console
from rich.table import Table

HEAD: Final = """\
# Settings

All by environment. Rendered from the services' own declarations by `severity settings page docs/settings.md`; CI fails
when it is stale. What has no default is unset. Lists and tables are JSON. Secrets come from files, which a setting
names.
"""

ABOUT: Final = {
    "SEVERITY_": "Every service",
    "SEVERITY_KAFKA__": "How every service and command reaches Kafka",
    "SEVERITY_SCORER__": "The scorer",
    "SEVERITY_TRAINER__": "The trainer",
    "SEVERITY_CAD__": "The simulated city and replays (`severity cad`)",
}


app = typer.Typer(invoke_without_command=True)


@app.callback()
def show(context: typer.Context) -> None:
    """List every environment variable that the services read, with its default and meaning."""
    if context.invoked_subcommand is not None:
        return
    console = Console()
    if not console.is_terminal:
        for name, default, meaning in variables():
            typer.echo(f"{name}={default}  # {meaning}")
        return
    table = Table(title="settings, all by environment", title_justify="left", show_lines=True)
    table.add_column("variable", no_wrap=True)
    table.add_column("default", overflow="fold")
    table.add_column("meaning")
    for name, default, meaning in variables():
        table.add_row(name, default, meaning)
    console.print(table, markup=False)


@app.command("page")
def write(file: Annotated[Path, typer.Argument(help="Where to write, replaced if it exists.", dir_okay=False)]) -> None:
    """Write the settings as a page for people."""
    file.write_text(_page(), encoding="utf-8", newline="\n")
    typer.echo(file)


def variables() -> Iterator[tuple[str, str, str]]:
    """(variable, default, meaning) of each setting."""
    for service in _services():
        yield from _of(service)


def _services() -> tuple[type[BaseSettings], ...]:
    from cad.settings import CadSettings
    from stream.settings import ScorerSettings
    from telemetry.logs import LogSettings
    from trainer.settings import TrainerSettings
    from transport.settings import KafkaSettings

    return LogSettings, KafkaSettings, ScorerSettings, TrainerSettings, CadSettings


def _of(service: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    for name, field in service.model_fields.items():
        if name != "kafka":  # a service's own copy of KafkaSettings
            yield f"{service.model_config['env_prefix']}{name}".upper(), _default(field), field.description or ""


def _page() -> str:
    parts = [HEAD]
    for service in _services():
        parts.append(
            f"\n## {ABOUT[service.model_config['env_prefix']]}\n\n| variable | default | meaning |\n|---|---|---|\n"
        )
        for name, default, meaning in _of(service):
            shown = f"`{default}`" if default else ""
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{name}`", shown, meaning)) + " |\n")
    return "".join(parts)


def _default(field: FieldInfo) -> str:
    if field.default_factory or field.default is None:
        return ""
    return json.dumps(field.default) if isinstance(field.default, tuple) else str(field.default)
