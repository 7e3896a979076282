"""Every kind of poison, and what must become of it: the table behind `test_poison.py`.

Each case comes from an agency of its own, so that none is marked for sending nothing but poison.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Outcome = Literal["priority", "in part", "triage", "nobody's"]
"""An ordinary priority; one by what could be read, and a dead letter; no severity, and a dead letter; a dead letter."""

Header = tuple[str | bytes, bytes | None]

JSON: Final[Header] = ("content-type", b"application/json")
STRUCTURED: Final[Header] = ("content-type", b"application/cloudevents+json; charset=utf-8")
MORE_MS: Final = 50 * 60_000
"""How far a producer's clock may be ahead: a broker refuses an hour by default (message.timestamp.after.max.ms)."""


@dataclass(frozen=True)
class Case:
    """One poisonous record.

    Args:
        name: what is wrong.
        outcome, reason: what must become of it, and its dead letter's reason.
        body: bytes; a mapping is laid over a sound report; None is a tombstone. `AGENCY` in it is the case's agency.
        key: of the record; by default the report's own.
        headers: in their order.
        report_id: under which its priority is found.
        timestamp_ms: the producer's, since 1970; 0 for now, negative for so much ahead of now.
        drill: its priority is for `priorities-exercise`.
    """

    name: str
    outcome: Outcome
    reason: str = ""
    body: bytes | Mapping[str, Any] | None = field(default_factory=dict)
    key: bytes | None = b"AGENCY/1"
    headers: Sequence[Header] = (JSON,)
    report_id: str = "1"
    timestamp_ms: int = 0
    drill: bool = False

    def value(self, agency: str) -> bytes | None:
        """The body as it is sent."""
        if isinstance(self.body, Mapping):
            return json.dumps(sound(agency, self.report_id) | dict(self.body)).encode()
        return None if self.body is None else self.body.replace(b"AGENCY", agency.encode())


def sound(agency: str, report_id: str) -> dict[str, Any]:
    """A report that is as it should be."""
    return {
        "agency_id": agency,
        "report_id": report_id,
        "reported_at": "2026-11-24T12:00:00Z",
        "incident_type": "ACTSHOOT",
        "urgency": "in-progress",
    }


def _raw(**texts: str) -> bytes:
    """A sound report with fields added as they are written."""
    fields = [f'"{name}":{json.dumps(value)}' for name, value in sound("AGENCY", "1").items()]
    return ("{" + ",".join([*fields, *(f'"{name}":{text}' for name, text in texts.items())]) + "}").encode()


def _structured(name: str, outcome: Outcome, reason: str = "", **changes: Any) -> Case:
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "severity.crime-report.v1"}
    whole = event | {"data": sound("AGENCY", "1")} | changes
    body = json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()
    return Case(f"structured: {name}", outcome, reason, body, headers=(STRUCTURED,))


def _number(name: str, text: str, outcome: Outcome, reason: str = "") -> Case:
    return Case(name, outcome, reason, _raw(victims=text))


def _reported(when: str, outcome: Outcome, reason: str = "") -> Case:
    return Case(f"reported at {when}", outcome, reason, {"reported_at": when})


LONGEST: Final = "é" * 128
PROSE: Final = b"A man with a knife at 5th and Main"

CASES: Final = (
    # No text, or no JSON.
    Case("no body (a tombstone)", "triage", "tombstone", None),
    Case("an empty body", "triage", "not-json", b""),
    Case("prose", "triage", "not-json", PROSE),
    Case("not UTF-8", "triage", "not-json", _raw(area='"\xff"').decode().encode("latin-1")),
    Case("UTF-16", "triage", "not-json", _raw().decode().encode("utf-16")),
    Case("gzip", "triage", "not-json", gzip.compress(_raw(), mtime=0)),
    Case("a byte-order mark", "triage", "not-json", b"\xef\xbb\xbf" + _raw()),
    Case("half a report", "triage", "not-json", _raw()[:-20]),
    Case("two reports", "triage", "not-json", _raw() + _raw()),
    Case("a schema registry's prefix", "triage", "not-json", b"\x00\x00\x00\x00\x07" + _raw()),
    Case("a lone surrogate", "triage", "not-json", _raw(agency_incident_type=r'"\ud800"')),
    Case("a control character", "triage", "not-json", _raw(agency_incident_type='"\x01"')),
    # JSON, and no report.
    Case("null", "triage", "invalid", b"null"),
    Case("a list", "triage", "invalid", b"[" + _raw() + b"]"),
    Case("a string", "triage", "invalid", b'"report"'),
    Case("an empty object", "triage", "invalid", b"{}"),
    # Nesting and size.
    Case("1 MB of nesting", "triage", "not-json", b"[" * 495_000 + b"]" * 495_000),
    Case("nesting in an unknown field", "triage", "not-json", _raw(x="[" * 400_000 + "]" * 400_000)),
    Case("nesting in a field", "triage", "not-json", _raw(location='{"a":' * 100_000 + "1" + "}" * 100_000)),
    Case("a large unknown field", "priority", body={"narrative": "x" * 900_000}),
    Case("more than is read", "triage", "too-large", {"narrative": "x" * 1_020_000}),
    Case("as much as the broker takes", "triage", "too-large", b"x" * 1_048_400),
    Case("400,000 wrong codes", "in part", "invalid", _raw(weapons="[" + "0," * 400_000 + "0]")),
    Case("64 codes", "priority", body={"weapons": ["12"] * 64}),
    Case("65 codes", "in part", "invalid", {"weapons": ["12"] * 65}),
    # Numbers.
    _number("1e400", "1e400", "in part", "invalid"),
    _number("10**400", "1" + "0" * 400, "in part", "invalid"),
    _number("900,000 digits", "9" * 900_000, "triage", "not-json"),
    _number("-0", "-0", "priority"),
    _number("-1", "-1", "in part", "invalid"),
    _number("1.0", "1.0", "priority"),
    _number("1.5", "1.5", "in part", "invalid"),
    _number("NaN", "NaN", "in part", "invalid"),
    _number("Infinity", "Infinity", "in part", "invalid"),
    _number("a leading zero", "01", "triage", "not-json"),
    Case("NaN for a latitude", "in part", "invalid", _raw(location='{"latitude":NaN,"longitude":-0.0}')),
    Case("1e400 for a latitude", "in part", "invalid", _raw(location='{"latitude":1e400,"longitude":1}')),
    Case("a null island", "priority", body={"location": {"latitude": 0, "longitude": 0}}),
    Case("beyond the pole", "in part", "invalid", {"location": {"latitude": 90.1, "longitude": 0}}),
    # Types.
    Case("a word for a number", "in part", "invalid", {"victims": "many"}),
    Case("a number for a list", "in part", "invalid", {"weapons": 12}),
    Case("a list for an object", "in part", "invalid", {"location": [1, 2], "flags": [True]}),
    Case("an unknown urgency", "in part", "invalid", {"urgency": "at once"}),
    Case("an unknown status", "in part", "invalid", {"status": "Prank"}),
    Case("a drill in part", "in part", "invalid", {"status": "Exercise", "victims": -1}, drill=True),
    Case("a word for the revision", "triage", "invalid", {"revision": "two"}),
    Case("a huge revision", "triage", "invalid", {"revision": 10**9}),
    Case("nothing for the time", "triage", "invalid", {"reported_at": None}),
    Case("a field twice", "priority", body=_raw(victims="1", urgency='"past"')),
    Case(
        "all fields null", "in part", "invalid", dict.fromkeys(("victims", "urgency", "weapons", "location", "flags"))
    ),
    # Times.
    _reported("1900-01-01T00:00:00Z", "priority"),
    _reported("2100-12-31T23:59:59Z", "priority"),
    _reported("0001-01-01T00:00:00+14:00", "priority"),
    _reported("9999-12-31T23:59:59.999999-12:00", "priority"),
    _reported("2016-12-31T23:59:60Z", "triage", "invalid"),
    _reported("2026-11-24T12:00:00", "triage", "invalid"),
    _reported("2026-02-30T12:00:00Z", "triage", "invalid"),
    _reported("1e300", "triage", "invalid"),
    Case("1,900 years between", "priority", body={"occurred_from": "0001-01-01T00:00:00Z", "urgency": None}),
    Case("8,000 years ahead", "priority", body={"occurred_to": "9999-12-31T23:59:59-12:00", "urgency": None}),
    Case("a record's time of 1970", "priority", timestamp_ms=1),
    Case("a record's time ahead of now", "priority", timestamp_ms=-MORE_MS),
    # Identity.
    Case("the longest number", "priority", key=f"AGENCY/{LONGEST}".encode(), report_id=LONGEST),
    Case("too long a number", "nobody's", "invalid", key=b"AGENCY/" + b"x" * 129, report_id="x" * 129),
    Case("a very long number", "nobody's", "invalid", key=b"AGENCY/" + b"x" * 9_000, report_id="x" * 500_000),
    Case("a number with a slash", "priority", key=b"AGENCY/a/b", report_id="a/b"),
    Case("a number with a NUL", "nobody's", "invalid", key=b"AGENCY/\x00", report_id="\x00"),
    Case("an agency in capitals", "nobody's", "invalid", {"agency_id": "LAPD"}, key=b"LAPD/1"),
    Case("another report's key", "triage", "wrong-key", key=b"AGENCY/2"),
    Case("another agency's key", "triage", "wrong-key", key=b"lapd/1"),
    Case("a key that is not UTF-8", "triage", "wrong-key", key=b"\xff\xfe"),
    Case("a key without a slash", "triage", "wrong-key", key=b"1"),
    Case("an empty key", "triage", "wrong-key", key=b""),
    Case("no key", "priority", key=None),
    Case("neither key nor text", "nobody's", "not-json", PROSE, key=None),
    Case("neither key nor body", "nobody's", "tombstone", None, key=None),
    # Headers.
    Case("no headers", "priority", headers=()),
    Case("headers of 100 kB", "priority", headers=(JSON, ("x", b"x" * 100_000))),
    Case("500 headers", "priority", headers=(JSON, *[(f"x{number}", b"x") for number in range(500)])),
    Case("headers without content", "priority", headers=(("ce_type", None), ("content-type", None), ("", None))),
    Case("a type that is not UTF-8", "triage", "wrong-type", headers=(JSON, ("ce_type", b"\xff"))),
    Case("another type", "triage", "wrong-type", headers=(JSON, ("ce_type", b"severity.solved-case.v1"))),
    Case("another content type", "triage", "wrong-content-type", headers=(("content-type", b"text/plain"),)),
    Case("a header's name that is not UTF-8", "priority", headers=(JSON, (b"\xff\xfe", b"x"))),
    Case("the same, of prose", "triage", "not-json", PROSE, headers=((b"\xff\xfe", b"x"),)),
    Case("a dead letter sent again", "priority", headers=(JSON, ("severity.error.reason", b"\xff"))),
    # Structured CloudEvents.
    _structured("sound", "priority"),
    _structured("another type", "triage", "wrong-type", type="severity.priority.v1"),
    _structured("a number for the type", "triage", "invalid", type=7),
    _structured("no type", "triage", "invalid", type=...),
    _structured("no data", "triage", "invalid", data=...),
    _structured("data as text", "triage", "invalid", data=json.dumps(sound("AGENCY", "1"))),
    _structured("data as base64", "triage", "invalid", data=..., data_base64="e30="),
    _structured("no data but null", "triage", "invalid", data=None),
    _structured("wrong within", "in part", "invalid", data=sound("AGENCY", "1") | {"victims": -1}),
    _structured("wrapped twice", "triage", "invalid", data={"type": "x", "data": sound("AGENCY", "1")}),
    Case("structured: no JSON", "triage", "not-json", PROSE, headers=(STRUCTURED,)),
    Case("structured: a list", "triage", "invalid", b"[" + _raw() + b"]", headers=(STRUCTURED,)),
    Case("structured: 1 MB of nesting", "triage", "not-json", b'{"data":' * 120_000, headers=(STRUCTURED,)),
    Case("structured by its header alone", "triage", "invalid", _raw(), headers=(STRUCTURED,)),
)
