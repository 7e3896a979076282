"""Floors and the fallback."""

import csv
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from schemas.codes import INCIDENT_TYPES, OFFENCES
from schemas.crime_report import CrimeReport, Flags
from severity.rules import Rules
from severity.tables import BUILT_IN, TableError
from severity.urgency import urgency_of
from tests.strategies import reports

RULES = Rules.load()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def report(**fields: Any) -> CrimeReport:
    return CrimeReport.model_validate({"agency_id": "a", "report_id": "1", "reported_at": NOW} | fields)


def floor(**fields: Any) -> tuple[int, str] | None:
    found = RULES.floor(report(**fields))
    return (found.level, found.rule) if found else None


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ({"weapons": ["12"], "urgency": "in-progress"}, 4),
        ({"incident_type": "SHOOT"}, 5),
        ({"incident_type": "STABBING"}, 5),
        ({"offence_code": "09A"}, 5),
        ({"flags": {"strangulation": True}}, 4),
        ({"flags": {"strangulation": True, "domestic": True}}, 5),
        ({"weapons": ["85"], "flags": {"domestic": True}}, 5),
        ({"flags": {"child": True}, "incident_type": "ASSAULT"}, 4),
        ({"flags": {"child": True}, "incident_type": "NOISE"}, None),
        ({"flags": {"child": True, "sexual": True}}, 5),
        ({"flags": {"protective_order": True}}, 3),
        ({"flags": {"protective_order": True, "suspect_present": True}}, 4),
        ({"flags": {"domestic": True}}, 3),
        ({"flags": {"domestic": True}, "urgency": "in-progress"}, 4),
        ({"flags": {"sexual": True}}, 4),
        ({"flags": {"vulnerable_person": True}, "injuries": ["M"]}, 4),
        ({"injuries": ["U"]}, 4),
        ({"weapons": ["20"], "injuries": ["L"]}, 5),
        ({"weapons": ["99"], "urgency": "in-progress"}, None),
        ({"injuries": ["N"], "urgency": "in-progress"}, None),
        ({}, None),
    ],
)
def test_the_floor_of_a_report_is_the_gravest_rule_that_holds(fields: dict[str, Any], level: int | None) -> None:
    found = floor(**fields)
    assert (found and found[0]) == level


def test_unknown_is_not_no() -> None:
    assert floor(weapons=["12"]) == (4, "firearm-now"), "urgency unknown: it may be in progress"
    assert floor(weapons=["12"], urgency="past") == (3, "firearm")
    assert floor(incident_type="ASSAULT", flags={"child": None}) is None, "unknown is not yes either"


def test_an_unknown_code_shows_no_sign() -> None:
    assert floor(weapons=["unheard-of"], injuries=["X"], incident_type="NEW", offence_code="999") is None


def test_an_agencys_circumstance_codes_count_for_that_agency_alone() -> None:
    assert floor(agency_id="lapd", circumstances=["1100"]) == (5, "shots")
    assert floor(agency_id="elsewhere", circumstances=["1100"]) is None


@given(reports)
def test_more_that_is_known_to_be_there_never_lowers_the_floor(report: CrimeReport) -> None:
    everything = report.model_copy(
        update={
            "flags": Flags(**dict.fromkeys(Flags.model_fields, True)),
            "weapons": (*report.weapons, "12"),
            "injuries": (*report.injuries, "U"),
            "urgency": "in-progress",
        }
    )
    before, after = RULES.floor(report), RULES.floor(everything)
    assert after is not None
    assert before is None or before.level <= after.level


@given(reports)
def test_the_fallback_answers_every_report(report: CrimeReport) -> None:
    fallback = RULES.fallback(report)
    assert 1 <= fallback.level <= 5
    assert fallback.text


def test_the_fallback_knows_every_offence_and_every_call_type() -> None:
    assert RULES.offences.keys() == OFFENCES.keys()
    assert RULES.calls.keys() == INCIDENT_TYPES.keys()
    assert RULES.fallback(report(incident_type="ROBBERY")).level == 5
    assert RULES.fallback(report(offence_code="290")).level == 1
    assert RULES.fallback(report(offence_code="290", weapons=["12"])).level == 5, "the gravest counts"
    assert RULES.fallback(report()).level == 2
    assert RULES.fallback(report(urgency="in-progress")).level == 3


def test_what_ended_more_than_a_day_ago_is_past_and_nothing_else_is_guessed() -> None:
    long_ago, lately = NOW - timedelta(hours=25), NOW - timedelta(hours=23)
    assert urgency_of(report(occurred_from=long_ago)) == "past"
    assert urgency_of(report(occurred_from=long_ago, occurred_to=lately)) is None
    assert urgency_of(report(occurred_from=lately)) is None
    assert urgency_of(report()) is None
    assert urgency_of(report(occurred_from=long_ago, urgency="in-progress")) == "in-progress"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("rules", "levels"):
        shutil.copytree(BUILT_IN / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("table", "row", "complaint"),
    [
        ("floors", "new,3,no such sign,words,why", "no such sign"),
        ("floors", "new,7,child,words,why", "level"),
        ("floors", "new,3,,words,why", "needs no sign"),
        ("floors", "shots,3,child,words,why", "twice"),
        ("floors", f"{'r' * 65},3,child,words,why", "letters"),  # no priority could name it
        ("floors", ",3,child,words,why", "letters"),
        ("floors", "new,3,child,,why", "words"),
        ("floors", f"new,3,child,{'w' * 101},why", "words"),
        ("signs", "new,call,,NOSUCHCALL", "NOSUCHCALL"),
        ("signs", "new,flag,,no_such_flag", "no_such_flag"),
        ("signs", "new,victim age,,60", "kind"),
        ("signs", "new,circumstance,,0408", "agency"),
        ("fallback", "call,NOSUCHCALL,2,words", "NOSUCHCALL"),
        ("fallback", "default,child,2,words", "last default"),
    ],
)
def test_a_table_that_could_never_hold_is_refused(folder: Path, table: str, row: str, complaint: str) -> None:
    with (folder / "rules" / f"{table}.csv").open("a", encoding="utf-8") as file:
        file.write(row + "\n")
    with pytest.raises(TableError, match=complaint):
        Rules.load(folder)


def test_the_version_changes_with_the_tables(folder: Path) -> None:
    assert Rules.load(folder).version == RULES.version
    with (folder / "rules" / "floors.csv").open("a", encoding="utf-8") as file:
        file.write("new,3,child,words,why\n")
    assert Rules.load(folder).version != RULES.version


def test_every_floor_says_its_words_and_its_ground() -> None:
    with (BUILT_IN / "rules" / "floors.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) == len(RULES.floors)
    assert all(row["words"] and row["why"] for row in rows)
    assert all(len(row["words"]) <= 60 for row in rows), "a dispatcher reads it at a glance"


def test_no_sign_stands_unused() -> None:
    with (BUILT_IN / "rules" / "signs.csv").open(encoding="utf-8", newline="") as file:
        signs = {row["sign"] for row in csv.DictReader(line for line in file if not line.startswith("#"))}
    used = [need for need, _ in (*RULES.floors, *RULES.fallbacks, *RULES.defaults)]
    assert {sign for sign in signs if any(need & RULES.signs.bits[sign] for need in used)} == signs
