"""A service's log on standard error: lines for people, or with `SEVERITY_LOG=json` one JSON object a line.

A line may name a report, by agency and number, and where its record lies. It never holds a coordinate or what a field
of a report says; so an error that a report may have caused is told by `transport.errors.where`, which leaves its
text out.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

EVENTS: Final = "severity.events"
"""Logger of what programs wait for, such as `ready`: JSON in either form."""

LAST_WORD: Final = "severity.end"
"""Logger of the line with which a service ends that cannot go on."""

TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogSettings(BaseSettings):
    """Of every service."""

    model_config = SettingsConfigDict(env_prefix="SEVERITY_", frozen=True)

    log: Literal["text", "json"] = Field("text", description="Form of the log: lines for people, or JSON objects.")


def start(service: str) -> None:
    """Log to standard error from now on, as `SEVERITY_LOG` says. For the process's main program."""
    handler = logging.StreamHandler()
    handler.setFormatter(Objects(service) if LogSettings().log == "json" else Lines(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def tell(event: str, **facts: object) -> None:
    """Say what happened: `event` names it, `facts` are for programs."""
    logging.getLogger(EVENTS).info(event, extra={"facts": facts})


def end(text: str) -> None:
    """Say in one line why the service ends."""
    logging.getLogger(LAST_WORD).error(text)


class Lines(logging.Formatter):
    """For people; events are JSON all the same, and the last word stands alone."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a trace where there is one."""
        if record.name == EVENTS:
            return _written({"event": record.getMessage(), **_facts(record)})
        return record.getMessage() if record.name == LAST_WORD else super().format(record)


class Objects(logging.Formatter):
    """A JSON object a line, for collectors."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Its event or message first, then when, who, and the facts."""
        what = {"event" if record.name == EVENTS else "message": record.getMessage()}
        said: dict[str, Any] = {
            **what,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            **_facts(record),
        }
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return _written(said)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts: dict[str, object] = getattr(record, "facts", {})
    return facts


def _written(said: dict[str, object]) -> str:
    return json.dumps(said, default=str)
