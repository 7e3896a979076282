"""Errors that a user can mend, in one line instead of a trace: a wrong setting, a file, a broker that is away."""

from typing import Any

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """Commands that end with code 1 and a line on standard error when something is wrong that is no fault of ours."""

    def invoke(self, ctx: Any) -> object:  # typer keeps the class of this context to itself
        """Run the command asked for."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if (said := in_words(error)) is None:
                raise
            typer.echo(f"severity {ctx.invoked_subcommand}: {said}", err=True)
            raise typer.Exit(1) from None


def in_words(error: Exception) -> str | None:
    """What is wrong and where; None for what is our own fault, which needs its trace."""
    from confluent_kafka import KafkaException
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from severity.artefact.keys import KeyFileError
    from transport.errors import TransportError
    from transport.secret_files import SecretFileError

    match error:
        case ValidationError() if error.title.endswith("Settings"):
            return "; ".join(_setting(error.title, one["loc"], one["msg"]) for one in error.errors(include_input=False))
        case KafkaException():
            return f"Kafka: {error.args[0].str()}"
        case SettingsError() | KeyFileError() | SecretFileError() | TransportError() | OSError():
            return str(error)
        case _:
            return None


def _setting(title: str, place: tuple[int | str, ...], wrong: str) -> str:
    """The variable of `TrainerSettings`' field `zone` is SEVERITY_TRAINER__ZONE."""
    names = [title.removesuffix("Settings"), *map(str, place[:1] or "*")]
    return f"SEVERITY_{'__'.join(names).upper()}: {wrong}"
