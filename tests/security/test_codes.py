"""The contract's limits: what somebody else writes and a person reads is a short code, and nothing is without end."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.codes import INCIDENT_TYPES, INJURIES, OFFENCES, PLACE_TYPES
from schemas.common import AgencyCode
from schemas.crime_report import CrimeReport
from schemas.envelope import ContractError, Refusal, decode
from severity.tables import BUILT_IN, read

CODE = TypeAdapter[str](AgencyCode)
SOUND = {"agency_id": "lapd", "report_id": "1", "reported_at": datetime.now(UTC).isoformat()}


def refused(body: bytes) -> Refusal:
    with pytest.raises(ContractError) as error:
        decode(CrimeReport, None, body, ())
    return error.value.reason


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", " 211", "211 ", "2\n11", "2\r11", "2\x0011", "2\x7f11", "2\x8511", "2\u2028sev: P1", "2\u202e11",
        "2\u200b11", "2\ufeff11", "<b>211</b>", "2<b>", "a=1", "=1+1", "@x", "${jndi:x}", "{0}", "%s", "a;b", "a|b",
        "a`b`", 'a"b', "a\\b", "a\tb", "x" * 41, "😀",
    ],
)  # fmt: skip
def test_what_is_no_short_code_is_refused_in_every_field_that_holds_one(text: str) -> None:
    for field in ("incident_type", "agency_incident_type", "offence_code", "initial_priority"):
        assert refused(json.dumps({**SOUND, field: text}).encode()) is Refusal.INVALID
    for field in ("area", "district", "place_type", "agency_place_type"):
        assert refused(json.dumps({**SOUND, "location": {field: text}}).encode()) is Refusal.INVALID
    for field in ("weapons", "agency_weapons", "injuries", "circumstances"):
        assert refused(json.dumps({**SOUND, field: ["1", text]}).encode()) is Refusal.INVALID


def test_every_code_of_the_public_lists_and_of_the_cities_is_one() -> None:
    known = {*INCIDENT_TYPES, *INJURIES, *OFFENCES, *PLACE_TYPES}
    for folder in ("levels", "circumstances", "places", "weapons"):
        for file in (BUILT_IN / folder).glob("*.csv"):
            known |= {row["code"] for row in read(file, ("code",))} - {"0552+0553"}
    known |= {"Break and Enter", "06760*", "Code 3", "P1", "N Hollywood", "Île-des-Sœurs", "St. John's", "10-54"}
    assert len(known) > 500
    for code in known:
        assert CODE.validate_python(code) == code


def test_lists_and_numbers_end_somewhere() -> None:
    for body in (
        {"circumstances": ["1"] * 65},
        {"victims": 10_001},
        {"revision": 1_000_001},
        {"report_id": "x" * 129},
        {"agency_id": "a" * 64},
    ):
        assert refused(json.dumps({**SOUND, **body}).encode()) is Refusal.INVALID


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_ends_somewhere_and_soon(opening: str) -> None:
    began = time.perf_counter()
    assert refused(opening.encode() * 100_000) is Refusal.NOT_JSON
    unknown: Any = 1
    for _ in range(150):
        unknown = [unknown]
    nested = json.dumps({**SOUND, "unknown": unknown})
    decode(CrimeReport, None, nested.encode(), ())
    assert time.perf_counter() - began < 5


def test_a_body_of_more_than_a_megabyte_is_not_even_parsed() -> None:
    assert refused(b" " * 1_000_001) is Refusal.TOO_LARGE


def test_a_control_character_in_our_own_codes_is_refused_too() -> None:
    from schemas.priority import Reason

    with pytest.raises(ValidationError):
        Reason(code="a\nb", text="x")
