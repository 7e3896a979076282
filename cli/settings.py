"""`severity settings`: every setting of every service, with its default and what it means."""

import json
from collections.abc import Iterator

import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from rich.console import Console
from rich.table import Table


def show() -> None:
    """List every environment variable that the services read, with its default and meaning."""
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


def variables() -> Iterator[tuple[str, str, str]]:
    """(variable, default, meaning) of each setting."""
    from cad.settings import CadSettings
    from stream.settings import ScorerSettings
    from trainer.settings import TrainerSettings
    from transport.settings import KafkaSettings

    services: tuple[type[BaseSettings], ...] = (KafkaSettings, ScorerSettings, TrainerSettings, CadSettings)
    for service in services:
        for name, field in service.model_fields.items():
            if name != "kafka":  # a service's own copy of KafkaSettings
                yield f"{service.model_config['env_prefix']}{name}".upper(), _default(field), field.description or ""


def _default(field: FieldInfo) -> str:
    if field.default_factory or field.default is None:
        return ""
    return json.dumps(field.default) if isinstance(field.default, tuple) else str(field.default)
