"""The envelope keeps every event whole, and refuses everything else with one kind of error."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.crime_report import CrimeReport
from schemas.envelope import MAX_BYTES, ContractError, Refusal, decode, encode, identity, salvage
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from tests.strategies import outcomes, priorities, reports

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REPORT = CrimeReport(agency_id="lapd", report_id="231905895", reported_at=NOW)


@given(st.one_of(reports, outcomes, priorities))
def test_an_event_survives_encoding_and_decoding(event: CrimeReport | SolvedCase | Priority) -> None:
    assert decode(type(event), *encode(event, source="/test", time=NOW)) == event


@given(reports)
def test_an_event_survives_structured_mode(report: CrimeReport) -> None:
    body = {"specversion": "1.0", "type": report.ce_type, "id": report.ce_id, "data": report.model_dump(mode="json")}
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    assert decode(CrimeReport, report.key, json.dumps(body).encode(), headers) == report


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([*CrimeReport.model_fields, "data", "type"]), inner)
    ),
)


@given(
    st.sampled_from([CrimeReport, SolvedCase, Priority]),
    st.none() | st.binary(),
    st.none() | st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_type", "content-type", "x"]), st.binary() | st.just(b"application/cloudevents+json")
        )
    ),
)
@example(CrimeReport, None, b"[" * 500_000, [])
@example(CrimeReport, None, b'{"agency_id": "\xed\xa0\x80"}', [])
@example(CrimeReport, None, b'{"type": "x", "data": NaN}', [("content-type", b"application/cloudevents+json")])
def test_no_bytes_raise_anything_but_a_contract_error(kind, key, value, headers) -> None:
    try:
        decode(kind, key, value, headers)
    except ContractError as error:
        assert error.reason in Refusal
        assert error.detail
    salvage(kind, value or b"", headers, frozenset({"revision"}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: e._replace(value=None), Refusal.TOMBSTONE),
        (lambda e: e._replace(value=b" " * (MAX_BYTES + 1)), Refusal.TOO_LARGE),
        (lambda e: e._replace(value=e.value[:-1]), Refusal.NOT_JSON),
        (lambda e: e._replace(value=b"\xff" + e.value), Refusal.NOT_JSON),
        (lambda e: e._replace(headers=[("ce_type", b"severity.priority.v1")]), Refusal.WRONG_TYPE),
        (lambda e: e._replace(headers=[("content-type", b"text/plain")]), Refusal.WRONG_CONTENT_TYPE),
        (lambda e: e._replace(value=e.value.replace(b"Actual", b"Real")), Refusal.INVALID),
        (lambda e: e._replace(key=b"nypd/231905895"), Refusal.WRONG_KEY),
    ],
)
def test_each_breach_has_its_reason(change, reason) -> None:
    with pytest.raises(ContractError) as caught:
        decode(CrimeReport, *change(encode(REPORT, source="/test", time=NOW)))
    assert caught.value.reason == reason


def test_a_refusal_never_repeats_a_value_of_the_report() -> None:
    body = REPORT.model_dump(mode="json") | {"urgency": "Jane Doe, 12 Elm Street"}
    with pytest.raises(ContractError) as caught:
        decode(CrimeReport, None, json.dumps(body).encode(), [])
    assert "urgency" in caught.value.detail
    assert "Jane" not in str(caught.value)


def test_plain_json_without_headers_is_read() -> None:
    assert decode(CrimeReport, None, REPORT.model_dump_json().encode(), []) == REPORT


def test_unknown_fields_are_accepted_named_and_not_used() -> None:
    body = json.dumps(REPORT.model_dump(mode="json") | {"victim_age": 30, "ward": "9"}).encode()
    report = decode(CrimeReport, REPORT.key, body, [])
    assert report.unknown_fields == ("victim_age", "ward")


def test_a_time_without_its_offset_is_refused() -> None:
    body = json.dumps(REPORT.model_dump(mode="json") | {"reported_at": "2026-11-24T12:00:00"}).encode()
    with pytest.raises(ContractError, match="reported_at"):
        decode(CrimeReport, REPORT.key, body, [])


@given(st.none() | st.binary())
def test_identity_never_raises(key: bytes | None) -> None:
    identity(key)


def test_identity_is_read_from_the_key() -> None:
    assert identity(b"lapd/23/1") == ("lapd", "23/1")
    assert identity(b"lapd") is None
    assert identity(b"\xff/1") is None


@given(priorities)
def test_two_unreadable_records_of_one_report_are_told_apart(priority: Priority) -> None:
    unreadable = priority.model_copy(update={"revision": 0})
    later = unreadable.source.model_copy(update={"offset": unreadable.source.offset + 1})
    assert unreadable.ce_id != unreadable.model_copy(update={"source": later}).ce_id
    assert priority.revision == 0 or priority.ce_id == priority.model_copy(update={"source": later}).ce_id
