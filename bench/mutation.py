"""Events gone wrong in every way, from a seed: what `bench.malformed` feeds to the services.

An event is taken apart into a tree, hurt at places chosen at random (a value of another kind, a huge number, a missing,
doubled or unknown field, deep nesting, very long lists), written out, and then perhaps hurt again as bytes and as a
Kafka record: key, headers, structured envelope, topic. About one in ten stays as it was.
"""

import base64
import gzip
import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from schemas.envelope import Event, encode
from transport.records import Record

EPOCH: Final = datetime.fromtimestamp(0, UTC)

MOST_BYTES: Final = 1_100_000
"""Of what is repeated: a little more than a record may have."""


class Raw(str):
    """Text that goes into the JSON as it is, also where that makes it no JSON."""


class Fields(list[tuple[str, Any]]):
    """A JSON object that can hold a name twice."""


NUMBERS: Final = tuple(
    map(Raw, ("1e400", "-1e400", "-0", "-0.0", "1e-400", "1" + "0" * 400, "-1" + "0" * 400, "9223372036854775808"))
) + tuple(map(Raw, ("18446744073709551616", "2147483648", "-1", "0", "1.5", "1.0", "1e3", "1E+2", "01", ".5", "0x1f")))

WORDS: Final = (
    *map(Raw, ("NaN", "Infinity", "-Infinity", "nan", "undefined", "True", "None", "'a'", "//", "", "null", "true")),
    *map(Raw, (r'"\ud800"', r'"\udfff\ud800"', r'"\u0000"', '"\x01"', r'"\x41"', r'"\u12"', '"')),
)

TEXTS: Final = (
    *("", " ", "\u0000", "\u202e", "\ufeff", "\u00e9", "e\u0301", "\U0001f6a8", "null", "-1", "1e400", "a/b", "/"),
    *("a" * 63, "a" * 64, "a" * 65, "a" * 128, "a" * 129, "a" * 100_000, "\U0001f6a8" * 64, "%s%n{0}", "../../etc"),
    *("Actual", "actual", "in-progress", "P1", "ACTSHOOT", "12", "<script>", "'; --", "\r\nce_type: x", "\x1b[2J"),
)

INSTANTS: Final = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-12:00"),
    *("1900-01-01T00:00:00Z", "2100-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", "2026-11-24"),
    *("2026-11-24T12:00:00", "2026-11-24T25:00:00Z", "2026-11-24T12:00:00+99:99", "2026-11-24T12:00:00+23:59", "now"),
    *("2026-11-24T12:00:00.123456789123Z", "20261124T120000Z", "2026-W48-2", "1e18", "-62135596801", "253402300800"),
    *map(Raw, ("0", "-1", "1e18", "-1e18", "253402300800", "1732449600", "1732449600000", "1e400", "NaN")),
)

ENDLESS: Final = Raw("[" + "0," * 400_000 + "0]")
"""More wrong entries than anyone wants to hear of."""

COORDINATES: Final = tuple(
    map(Raw, ("0", "-0.0", "90", "-90", "180", "-180", "90.0000001", "181", "1e308", "1e-320", "NaN", '"37.8"'))
)

CONTENT_TYPES: Final = (
    *("application/json", "application/json; charset=utf-16", "APPLICATION/JSON", "text/plain", "", "\u00e9"),
    *("application/cloudevents+json", "application/cloudevents+json; charset=utf-8", "application/cloudevents-batch"),
)

HEADER_NAMES: Final = ("ce_type", "ce_id", "content-type", "ce_specversion", "severity.error.first_failure", "x", "")


class Mutator:
    """Endless records; each depends on the seed, the events and its number alone.

    Args:
        events: sound ones of one kind, to begin with.
        seed: of every choice.
        topic: of the records, unless that is what goes wrong.
    """

    def __init__(self, events: Sequence[Event], seed: int, topic: str) -> None:
        self._seed = seed
        self._chance = random.Random()
        self._kind = events[0].ce_type
        self._bodies = [(event.key, json.loads(encode(event, source="x", time=EPOCH).value)) for event in events]
        self._topic = topic

    def record(self, number: int) -> Record:
        """The record with offset `number`; a report has a number of its own, unless that went wrong."""
        chance = self._chance = random.Random(f"{self._seed}/{number}")
        key: bytes | None
        key, body = chance.choice(self._bodies)
        if "report_id" in body:
            body = body | {"report_id": str(number)}
            key = f"{body['agency_id']}/{number}".encode()
        headers: list[tuple[str, bytes | None]] = [("content-type", b"application/json")]
        tree = _parsed(body)
        if chance.random() < 0.8:
            for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
                self._hurt(tree)
                if len(_written(tree)) > MOST_BYTES:
                    break  # what is repeated stands in many places: hurt again, it would grow by powers
        text = _written(tree)
        if chance.random() < 0.1:
            text, headers = self._wrapped(text)
        value: bytes | None = text.encode("utf-8", "surrogatepass")
        if chance.random() < 0.15:
            value = self._bytes_hurt(value or b"")
        if chance.random() < 0.1:
            key = self._key(key or b"")
        if chance.random() < 0.1:
            headers = self._headers(headers)
        topic = f"{chance.choice(('lapd', 'rivertown', 'x'))}.{self._topic}" if chance.random() < 0.02 else self._topic
        when = chance.choice((1_700_000_000_000,) * 20 + (-1, 0, 1, 2**62))
        # As the client hands them over, a header's content may be None.
        return Record(topic, 0, number, key, value, tuple(headers), when)  # type: ignore[arg-type]  # for that reason

    def _hurt(self, tree: Fields) -> None:
        place: Any = tree
        while True:
            index = self._chance.randrange(len(place)) if place else 0
            inner = (place[index][1] if isinstance(place, Fields) else place[index]) if place else None
            if isinstance(inner, Fields | list) and inner and self._chance.random() < 0.7:
                place = inner
                continue
            break
        if not place:
            place.append(("x", None) if isinstance(place, Fields) else None)
        kind = self._chance.random()
        if kind < 0.55:
            name = place[index][0] if isinstance(place, Fields) else ""
            odd = self._odd(name, inner)
            place[index] = (name, odd) if isinstance(place, Fields) else odd
        elif kind < 0.65:
            del place[index]
        elif kind < 0.75:
            place.insert(self._chance.randrange(len(place) + 1), place[index])
        elif kind < 0.85 and isinstance(place, Fields):
            place[index] = (self._chance.choice(("", "\u0000", "__class__", "x" * 1000, "Revision")), inner)
        elif isinstance(place, Fields):
            other = self._chance.randrange(len(place))
            place[index], place[other] = (place[index][0], place[other][1]), (place[other][0], place[index][1])
        else:
            place[index : index + 1] = _many(inner, self._chance.choice((64, 65, 1000)))

    def _odd(self, name: str, inner: Any) -> Any:
        chance = self._chance
        if (name in ("at", "occurred_from", "occurred_to") or name.endswith("_at")) and chance.random() < 0.7:
            return chance.choice(INSTANTS)
        if name in ("latitude", "longitude") and chance.random() < 0.7:
            return chance.choice(COORDINATES)
        makers: tuple[Callable[[], Any], ...] = (
            lambda: chance.choice(NUMBERS),
            lambda: chance.choice(WORDS),
            lambda: chance.choice(TEXTS),
            lambda: chance.choice(INSTANTS),
            lambda: _many(inner, chance.choice((0, 1, 64, 65, 10_000))),
            lambda: Fields([(chance.choice(("x", name)), inner)] * chance.choice((0, 1, 2))),
            lambda: Raw("[" * (depth := chance.choice((10, 200, 300, 5_000, 100_000))) + "]" * depth),
            lambda: Raw('{"a":' * (depth := chance.choice((10, 200, 300, 5_000))) + "1" + "}" * depth),
            lambda: chance.choice((None, True, False, ENDLESS)),
            lambda: chance.randrange(-(2**70), 2**70),
        )
        return chance.choice(makers)()

    def _wrapped(self, text: str) -> tuple[str, list[tuple[str, bytes | None]]]:
        """A structured CloudEvent, sound or not."""
        chance = self._chance
        data = chance.choice(
            (text, text, text, json.dumps(text), f"[{text}]", "null", "1", f'{{"data": {text}, "type": "x"}}')
        )
        kind = chance.choice((self._kind,) * 4 + ("severity.priority.v1", "", "\u0000"))
        fields = [("specversion", "1.0"), ("id", "1"), ("source", "/x"), ("type", kind), ("data", Raw(data))]
        if chance.random() < 0.2:
            fields[-1] = ("data_base64", base64.b64encode(text.encode("utf-8", "surrogatepass")).decode())
        if chance.random() < 0.5:
            self._hurt(tree := Fields(fields))
            fields = tree
        return _written(Fields(fields)), [("content-type", chance.choice(CONTENT_TYPES[-3:]).encode())]

    def _bytes_hurt(self, value: bytes) -> bytes | None:
        chance = self._chance
        at = chance.randrange(len(value) + 1)
        upto = min(len(value), at + chance.choice((1, 2, 10, 1000)))
        makers: tuple[Callable[[], bytes | None], ...] = (
            lambda: value[:at],
            lambda: value[at:],
            lambda: value[:at] + value[upto:],
            lambda: value[:at] + value[at:upto] * chance.choice((2, 50)) + value[upto:],
            lambda: value[:at] + chance.randbytes(chance.choice((1, 1, 1, 4, 64))) + value[upto:],
            lambda: b"\xef\xbb\xbf" + value,
            lambda: value.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-32", "cp037")), "replace"),
            lambda: gzip.compress(value, mtime=0),
            lambda: value + value,
            lambda: value + b" " * chance.choice((10, 1_000_000)),
            lambda: b"\x00\x00\x00\x00\x07" + value,  # as a schema registry's clients write
            lambda: chance.choice((b"", b" ", b"null", b"{}", b"[]", b"{", b"\xff", b"\x00" * 1000, b'""', b"1e999")),
            lambda: None,
        )
        return chance.choice(makers)()

    def _key(self, key: bytes) -> bytes | None:
        return self._chance.choice(
            (
                None,
                b"",
                b"/",
                b"//",
                b"\xff\xfe",
                key[:-1],
                key + b"/",
                key.upper(),
                key + b"\x00",
                b"x/1",
                b"x" * 9_000,
            )
        )

    def _headers(self, headers: list[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
        chance = self._chance
        kinds = (self._kind.encode(), b"severity.priority.v1", b"\xff", b"", None, b"x" * 100_000)
        made = [] if chance.random() < 0.3 else list(headers)
        for _ in range(chance.choice((1, 2, 5))):
            name = chance.choice(HEADER_NAMES)
            content = chance.choice(CONTENT_TYPES).encode() if name == "content-type" else chance.choice(kinds)
            made.insert(chance.randrange(len(made) + 1), (name, chance.choice((content, content, None, b"\xff\x00"))))
        return made


def _many(node: Any, times: int) -> list[Any]:
    return [node] * min(times, MOST_BYTES // len(_written(node)) if node else times)


def _parsed(body: Any) -> Any:
    if isinstance(body, dict):
        return Fields((name, _parsed(value)) for name, value in body.items())
    return [_parsed(value) for value in body] if isinstance(body, list) else body


def _written(tree: Any) -> str:
    if isinstance(tree, Raw):
        return tree
    if isinstance(tree, Fields):
        return "{" + ",".join(f"{json.dumps(name)}:{_written(value)}" for name, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_written, tree)) + "]"
    return json.dumps(tree, ensure_ascii=False)
