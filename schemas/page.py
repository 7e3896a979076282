"""The contract for people: one Markdown page with each event's topic, fields and an example, from the JSON Schemas."""

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Final

from schemas.export import CHANNELS, Json, documents, json_schema

FIRST: Final = """<!-- Written by `severity schema page`; change the models in schemas/ instead. -->
# Contract

What crosses each topic, as the [JSON Schemas and the AsyncAPI document](connect.md#the-contract) say it to machines.
Every message is a CloudEvent in Kafka's binary binding: the body is JSON, the attributes are headers (`ce_id`,
`ce_type`, `ce_source`, `ce_time`, `ce_specversion`); what comes in may be in structured mode or without any headers.
The key is `agency_id/report_id` unless it says otherwise, and Java's partitioner (murmur2) puts all revisions of a
report on one partition. Fields that are not required may be left out.
"""

LONGEST: Final = 40
"""Characters of a pattern that a table's cell holds; longer ones are told once, at the end."""

KEYS: Final = {
    "ModelVersion": "`<name>/champion`, `<name>/challenger` or `<name>/release/<n>`; the topic is compacted",
    "ModelStatus": "the scorer's instance; the topic is compacted",
}


def render() -> str:
    """The page."""
    parts = [FIRST]
    for event in dict.fromkeys(channel.event for channel in CHANNELS):
        topics = [f"`{channel.topic}`" for channel in CHANNELS if channel.event is event]
        ce_type: str = event.ce_type  # type: ignore[attr-defined]  # of every event; their common base does not say so
        parts.append(_event(event.__name__, ce_type, topics, json_schema(event)))
    long = sorted({pattern for pattern in _patterns(documents()) if len(pattern) > LONGEST})
    parts += ["## Patterns", "", *(f"`{pattern}`\n" for pattern in long)] if long else []
    return "\n".join(parts)


def _event(name: str, ce_type: str, topics: Iterable[str], schema: Json) -> str:
    lines = [f"## {name}", "", f"{schema['description']}", ""]
    lines += [f"Topic {', '.join(topics)}; `ce_type` `{ce_type}`."]
    if name in KEYS:
        lines.append(f"Key: {KEYS[name]}.")
    lines += ["", *_table(schema)]
    for part, inner in schema.get("$defs", {}).items():
        lines += ["", f"### {name}: {part}", "", inner.get("description", ""), "", *_table(inner)]
    example = files("schemas") / "examples" / f"{name}.json"
    lines += ["", "For example:", "", "```json", example.read_text(encoding="utf-8").strip(), "```", ""]
    return "\n".join(lines)


def _table(schema: Json) -> Iterator[str]:
    yield "| field | type | required | meaning |"
    yield "|---|---|---|---|"
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        meaning = field.get("description") or _resting(field)
        yield f"| `{name}` | {_type(field)} | {'yes' if name in required else ''} | {meaning} |"


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)


def _resting(field: Json) -> str:
    """What is said of the type that a field has when it is not null."""
    said: list[str] = [choice["description"] for choice in field.get("anyOf", ()) if "description" in choice]
    return said[0] if said else ""


def _type(field: Json) -> str:
    if "anyOf" in field:
        return " or ".join(_type(choice) for choice in field["anyOf"])
    if "$ref" in field:
        return f"{field['$ref'].rpartition('/')[2]} (below)"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if field.get("type") == "array":
        items: Json = field.get("items") or field["prefixItems"][0]
        most = f", at most {field['maxItems']}" if "maxItems" in field else ""
        return f"list of {_type(items)}{most}"
    kind = {"date-time": "time"}.get(field.get("format", ""), field.get("type", "any"))
    return f"{kind}{_bounds(field)}"


def _bounds(field: Json) -> str:
    named = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "> {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "< {}",
        "maxLength": "at most {} characters",
        "pattern": "`{}`" if len(field.get("pattern", "")) <= LONGEST else "by a [pattern](#patterns)",
    }
    said = [words.format(str(field[name]).replace("|", "\\|")) for name, words in named.items() if name in field]
    return f" {', '.join(said)}" if said else ""
