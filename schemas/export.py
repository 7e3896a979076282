"""The contract for other languages: JSON Schema 2020-12 of every event and one AsyncAPI 3 document, from the models."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import topics
from schemas.audit_request import AuditRequest
from schemas.common import Inbound
from schemas.crime_report import CrimeReport
from schemas.model_status import ModelStatus
from schemas.model_version import ModelVersion
from schemas.priority import Priority
from schemas.solved_case import SolvedCase

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FORMAT: Final = "application/schema+json;version=draft-2020-12"


class Channel(NamedTuple):
    """A topic, what it carries, and whether we receive it, send it, or both."""

    topic: str
    event: type[BaseModel]
    actions: tuple[Literal["send", "receive"], ...]


CHANNELS: Final = (
    Channel(topics.CRIME_REPORTS, CrimeReport, ("receive",)),
    Channel(topics.PRIORITIES, Priority, ("send", "receive")),
    Channel(topics.PRIORITIES_EXERCISE, Priority, ("send",)),
    Channel(topics.SOLVED_CASES, SolvedCase, ("receive",)),
    Channel(topics.MODEL_VERSIONS, ModelVersion, ("send", "receive")),
    Channel(topics.MODEL_STATUS, ModelStatus, ("send", "receive")),
    Channel(topics.AUDIT_REQUESTS, AuditRequest, ("send",)),
)


def documents() -> dict[str, Json]:
    """File name → document: `<Event>.schema.json` for every event, and `asyncapi.json`."""
    events = {channel.event.__name__: channel.event for channel in CHANNELS}
    schemas = {f"{name}.schema.json": json_schema(event) for name, event in events.items()}
    return schemas | {"asyncapi.json": asyncapi()}


def render(document: Json) -> str:
    """The document as it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every document into `folder` (made if absent); the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, document in documents().items():
        paths.append(folder / name)
        paths[-1].write_text(render(document), encoding="utf-8", newline="\n")
    return paths


def json_schema(event: type[BaseModel]) -> Json:
    """JSON Schema 2020-12 of an event, as its reader sees it: what we read for input, what we write for output."""
    return {"$schema": DIALECT, **event.model_json_schema(mode=_mode(event))}


def asyncapi() -> Json:
    """The AsyncAPI 3 document: topics, CloudEvents headers, payloads, and who sends what."""
    layout = {topic.name: topic for topic in topics.all_topics()}
    channels: Json = {}
    operations: Json = {}
    for topic, event, actions in CHANNELS:
        message = {"$ref": f"#/components/messages/{event.__name__}"}
        channels[topic] = {
            "address": topic,
            "messages": {event.__name__: message},
            "bindings": {"kafka": _kafka_channel(layout[topic])},
        }
        for action in actions:
            operations[f"{action}-{topic}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic}"},
                "messages": [{"$ref": f"#/channels/{topic}/messages/{event.__name__}"}],
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Crime report severity",
            "version": version("severity"),
            "description": "Reports in, priorities out, outcomes in, model releases out. Readers of `priorities` set "
            "`isolation.level=read_committed` and drop repeats by `ce_id`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {channel.event.__name__: _message(channel.event) for channel in CHANNELS},
            "schemas": {"CloudEventsHeaders": _headers(), **_payloads()},
        },
    }


def _kafka_channel(topic: topics.Topic) -> Json:
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
    }


def _mode(event: type[BaseModel]) -> Literal["validation", "serialization"]:
    return "validation" if issubclass(event, Inbound) else "serialization"


def _message(event: type[BaseModel]) -> Json:
    return {
        "name": event.__name__,
        "title": (event.__doc__ or event.__name__).partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventsHeaders"},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}}},
    }


def _payloads() -> Json:
    """Every event and the models it is made of, as AsyncAPI multi-format schemas that refer to each other."""
    events = {channel.event: _mode(channel.event) for channel in CHANNELS}
    _, schemas = models_json_schema(list(events.items()), ref_template="#/components/schemas/{model}/schema")
    return {name: {"schemaFormat": FORMAT, "schema": schema} for name, schema in schemas["$defs"].items()}


def _headers() -> Json:
    names = {
        "ce_specversion": "1.0",
        "ce_id": "The same for a repeat of the same event.",
        "ce_source": "URI reference of the writer.",
        "ce_type": "The event and its major version.",
        "ce_time": "ISO 8601 with offset.",
    }
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka binary binding; structured mode is accepted on the way in.",
        "properties": {name: {"type": "string", "description": text} for name, text in names.items()},
    }
