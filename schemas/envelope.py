"""CloudEvents 1.0 on Kafka: binary mode out (attributes as `ce_*` headers), binary or structured mode in."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, Protocol, Self, TypeVar

import orjson
import pydantic_core
from pydantic import ConfigDict, ValidationError
from pydantic.config import ExtraValues

Headers = Sequence[tuple[str, bytes]]

MAX_BYTES = 1_000_000
"""Largest body that is read; Kafka's own default limit for a message is 1,048,588 bytes."""

LONGEST: Final = 200
"""Bytes of a header that are looked at: those that we know are shorter."""

PASSES = 3
"""How often what breaks the contract is taken out: a field without its wrong part may be wrong as a whole."""


class Refusal(StrEnum):
    """Why a record could not be read."""

    TOMBSTONE = "tombstone"
    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    WRONG_TYPE = "wrong-type"
    WRONG_CONTENT_TYPE = "wrong-content-type"
    INVALID = "invalid"
    WRONG_KEY = "wrong-key"


class ContractError(ValueError):
    """A record that does not keep the contract: `reason` for counters, `detail` for people (never a field's value)."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Encoded(NamedTuple):
    """An event as Kafka carries it."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Event(Protocol):
    """What every event model offers to the envelope."""

    ce_type: ClassVar[str]
    model_config: ClassVar[ConfigDict]

    @property
    def key(self) -> bytes: ...
    @property
    def ce_id(self) -> str: ...
    @classmethod
    def model_validate_json(cls, json_data: bytes, *, extra: ExtraValues | None = None) -> Self: ...


E = TypeVar("E", bound=Event)


def encode(event: Event, *, source: str, time: datetime) -> Encoded:
    """Binary-mode CloudEvent. `source` is a URI reference of the writer, `time` has an offset."""
    return encoder(source=source, time=time)(event)


def encoder(*, source: str, time: datetime) -> Callable[[Event], Encoded]:
    """`encode` for many events of one writer and moment: what they share is made once."""
    version, content = ("ce_specversion", b"1.0"), ("content-type", b"application/json")
    writer, moment = ("ce_source", source.encode()), ("ce_time", time.isoformat().encode())

    def encode_one(event: Event) -> Encoded:
        id_, type_ = ("ce_id", event.ce_id.encode()), ("ce_type", event.ce_type.encode())
        body = orjson.dumps(vars(event), default=vars, option=orjson.OPT_UTC_Z)
        return Encoded(event.key, body, [version, id_, writer, type_, moment, content])

    return encode_one


def decode(kind: type[E], key: bytes | None, value: bytes | None, headers: Headers) -> E:
    """The event in a record, or `ContractError`; no byte string raises anything else.

    Headers may be missing (a plain JSON body is read), but a header that names another type is refused. A key, where
    there is one, must be the event's own. Fields that a later version added are no error, in what we write neither: a
    service that is not yet renewed reads what one that is has written.
    """
    if value is None:
        raise ContractError(Refusal.TOMBSTONE, "the record has no body")
    if len(value) > MAX_BYTES:
        raise ContractError(Refusal.TOO_LARGE, f"{len(value)} bytes, at most {MAX_BYTES} are read")
    ce_type, content_type = _attributes(headers)
    if _is_structured(content_type):
        ce_type, value = _unwrap(value)
    elif content_type and not content_type.startswith("application/json"):
        raise ContractError(Refusal.WRONG_CONTENT_TYPE, "content-type is neither JSON nor a structured CloudEvent")
    if ce_type and ce_type != kind.ce_type:
        raise ContractError(Refusal.WRONG_TYPE, f"ce_type is not {kind.ce_type}")
    try:
        closed = kind.model_config.get("extra") == "forbid"
        event = kind.model_validate_json(value, extra="ignore") if closed else kind.model_validate_json(value)
    except ValidationError as error:
        raise _refusal(error) from None
    if key is not None and key != event.key:
        raise ContractError(Refusal.WRONG_KEY, "the record's key is not agency_id/report_id of its body")
    return event


def salvage(kind: type[E], value: bytes, headers: Headers, vital: frozenset[str]) -> E | None:
    """The event without those of its optional fields that break the contract: a report with a wrong latitude is one.

    For a record that `decode` refused as invalid. None when what is required cannot be read, or one of the fields
    `vital`, whose default must not stand for what was said.
    """
    try:
        body = pydantic_core.from_json(_unwrap(value)[1] if _is_structured(_attributes(headers)[1]) else value)
    except ValueError:
        return None
    for _ in range(PASSES):
        try:
            return kind.model_validate_json(pydantic_core.to_json(body))
        except ValidationError as error:
            places = [one["loc"] for one in error.errors(include_url=False, include_context=False, include_input=False)]
            if not isinstance(body, dict) or any(not place or place[0] in vital for place in places):
                return None
            for place in places:
                _drop(body, place)
    return None


def _drop(body: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """Remove what stands at `place`, or the whole list that holds it."""
    *outer, last = [step for step in place if isinstance(step, str)]
    for step in outer:
        inner = body.get(step)
        if not isinstance(inner, dict):
            last = step
            break
        body = inner
    body.pop(last, None)


def identity(key: bytes | None) -> tuple[str, str] | None:
    """(agency_id, report_id) from a record's key, for a body that cannot be read; None when the key does not tell."""
    try:
        agency_id, _, report_id = (key or b"").decode().partition("/")
    except UnicodeDecodeError:
        return None
    return (agency_id, report_id) if agency_id and report_id else None


def _is_structured(content_type: str) -> bool:
    return content_type.startswith("application/cloudevents+json")


def _attributes(headers: Headers) -> tuple[str, str]:
    """`ce_type` and `content-type`, empty where they are missing."""
    given = dict(headers)
    ce_type, content_type = given.get("ce_type") or b"", given.get("content-type") or b""
    return _text(ce_type[:LONGEST]), _text(content_type[:LONGEST]).lower()


@lru_cache(128)  # nearly every record has the same two
def _text(content: bytes) -> str:
    return content.decode(errors="replace")


def _unwrap(value: bytes) -> tuple[str, bytes]:
    try:
        wrapper = pydantic_core.from_json(value)
    except ValueError as error:
        raise ContractError(Refusal.NOT_JSON, str(error)) from None
    if not isinstance(wrapper, dict) or not isinstance(wrapper.get("type"), str) or "data" not in wrapper:
        raise ContractError(Refusal.INVALID, "a structured CloudEvent needs `type` and `data`")
    return wrapper["type"], pydantic_core.to_json(wrapper["data"])


def _refusal(error: ValidationError) -> ContractError:
    first = error.errors(include_url=False, include_context=False, include_input=False)
    if first[0]["type"] == "json_invalid":
        return ContractError(Refusal.NOT_JSON, first[0]["msg"])
    places = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in first[:5])
    return ContractError(Refusal.INVALID, places[:1000])
