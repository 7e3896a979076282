"""Hypothesis strategies for the events."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from schemas.common import AGENCY_CODE
from schemas.crime_report import CrimeReport, Flags, Location
from schemas.priority import DeadLetterRef, ModelRef, Previous, Priority, Reason, SourcePosition
from schemas.solved_case import AuditAnswer, Offence, SolvedCase

agencies = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
report_ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
codes = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
agency_codes = st.from_regex(AGENCY_CODE, fullmatch=True)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1900, 1, 2), datetime(2100, 1, 1), timezones=offsets | st.just(UTC))
flag = st.none() | st.booleans()
shares = st.floats(0, 1)
numbers = st.floats(-1e6, 1e6)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


code_lists = st.lists(agency_codes, max_size=6).map(tuple)

reports = st.builds(
    CrimeReport,
    agency_id=agencies,
    report_id=report_ids,
    revision=st.integers(1, 1_000_000),
    status=st.sampled_from(["Actual", "Exercise", "Test"]),
    reported_at=instants,
    occurred_from=maybe(instants),
    occurred_to=maybe(instants),
    source=maybe(st.sampled_from(["caller", "online", "officer", "alarm"])),
    urgency=maybe(st.sampled_from(["in-progress", "just-occurred", "past"])),
    incident_type=maybe(agency_codes),
    agency_incident_type=maybe(agency_codes),
    offence_code=maybe(agency_codes),
    initial_priority=maybe(agency_codes),
    location=st.builds(
        Location,
        latitude=maybe(st.floats(-90, 90)),
        longitude=maybe(st.floats(-180, 180)),
        area=maybe(agency_codes),
        district=maybe(agency_codes),
        place_type=maybe(agency_codes),
        agency_place_type=maybe(agency_codes),
    ),
    weapons=code_lists,
    agency_weapons=code_lists,
    injuries=code_lists,
    victims=maybe(st.integers(0, 10_000)),
    suspects=maybe(st.integers(0, 10_000)),
    circumstances=code_lists,
    flags=st.builds(Flags, **dict.fromkeys(Flags.model_fields, flag)),
)

outcomes = st.builds(
    SolvedCase,
    agency_id=agencies,
    report_id=report_ids,
    sequence=st.integers(1, 10**9),
    case_status=st.sampled_from(["OPEN", "CLEARED BY ARREST", "UNFOUNDED", "RE_OPENED"]),
    basis=st.sampled_from(["solved", "classified", "audited", "unfounded", "reopened"]),
    closed_at=instants,
    offences=st.lists(
        st.builds(Offence, nibrs_code=maybe(agency_codes), agency_code=maybe(agency_codes)), max_size=4
    ).map(tuple),
    audit=maybe(st.builds(AuditAnswer, request_id=codes, probability=st.floats(0.001, 1))),
)

priorities = st.builds(
    Priority,
    agency_id=agencies,
    report_id=report_ids,
    revision=st.integers(0, 1_000_000),
    status=st.sampled_from(["Actual", "Exercise", "Test"]),
    decision=st.integers(1, 10),
    severity=maybe(st.integers(1, 5)),
    model_severity=maybe(st.integers(1, 5)),
    score=maybe(st.floats(0, 100)),
    probabilities=maybe(st.tuples(*[shares] * 5)),
    plausible_levels=st.lists(st.integers(1, 5), max_size=5).map(tuple),
    priority=codes,
    colour=st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    target_minutes=maybe(st.integers(0, 10_000)),
    eido_priority=st.integers(0, 10),
    suggested_priority=maybe(codes),
    decided_by=st.sampled_from(["model", "rule", "fallback"]),
    degraded=st.booleans(),
    needs_human_triage=st.booleans(),
    floor=maybe(st.integers(1, 5)),
    floor_rule=maybe(codes),
    baseline=maybe(numbers),
    reasons=st.lists(
        st.builds(Reason, code=codes, text=st.text("abc é", min_size=1, max_size=50), contribution=maybe(numbers)),
        max_size=4,
    ).map(tuple),
    other_contribution=maybe(numbers),
    model=maybe(
        st.builds(
            ModelRef,
            name=codes,
            release=st.integers(1, 10**6),
            digest=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        )
    ),
    policy_version=codes,
    reported_at=maybe(instants),
    scored_at=instants,
    source=st.builds(SourcePosition, topic=codes, partition=st.integers(0, 99), offset=st.integers(0, 2**62)),
    dead_letter=maybe(st.builds(DeadLetterRef, topic=codes, reason=codes)),
    previous=maybe(
        st.builds(
            Previous,
            revision=st.integers(1, 1_000_000),
            severity=maybe(st.integers(1, 5)),
            priority=codes,
            decided_by=st.sampled_from(["model", "rule", "fallback"]),
        )
    ),
)
