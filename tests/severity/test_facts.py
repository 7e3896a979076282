"""The gate lets through what a model may see, and nothing else."""

import math
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.crime_report import CrimeReport, Flags, Location
from severity import tables
from severity.facts import INFORMATION, NUMBERS, Facts, Gate
from severity.traits import load_traits
from tests.severity.sample_reports import START


def report(**fields: object) -> CrimeReport:
    return CrimeReport.model_validate({"agency_id": "lapd", "report_id": "1", "reported_at": START, **fields})


def tokens(facts: Facts) -> set[str]:
    return {*facts.core, *facts.side, *facts.single}


def test_circumstances_that_name_a_trait_never_pass() -> None:
    """1258: the victim's age; 2004: homelessness; 0344 is an act."""
    seen = Gate().facts(report(circumstances=("1258", "0344", "2004")))
    assert seen == Gate().facts(report(circumstances=("0344",)))
    assert "circumstance:lapd/0344" in seen.core


def test_relations_pass_without_the_sex_they_name() -> None:
    father, mother = (Gate().facts(report(circumstances=(code,))) for code in ("0552", "0553"))
    assert father == mother
    assert any("0552+0553" in token for token in father.core)


def test_every_code_of_the_trait_table_is_decided_and_explained() -> None:
    rows = tables.read(tables.BUILT_IN / "trait_circumstances.csv", ("agency_id", "code", "action", "trait", "reason"))
    assert len({(row["agency_id"], row["code"]) for row in rows}) == len(rows)
    assert all(row["reason"] for row in rows)
    assert all(bool(row["trait"]) == (row["action"] != "keep") for row in rows)


@pytest.mark.parametrize("action", ["hide", "merge"])
def test_a_trait_table_that_says_what_nobody_knows_is_refused(tmp_path: Path, action: str) -> None:
    path = tmp_path / "traits.csv"
    path.write_text(f"agency_id,code,action,into\nlapd,0344,{action},\n", encoding="utf-8")
    with pytest.raises(tables.TableError, match="0344"):
        load_traits(path)


@given(st.builds(Flags, **dict.fromkeys(Flags.model_fields, st.sampled_from([True, False, None]))), st.text(max_size=5))
def test_flags_priority_identity_and_unknown_fields_change_nothing(flags: Flags, text: str) -> None:
    plain = report(circumstances=("0344",))
    other = report(
        circumstances=("0344",),
        flags=flags,
        initial_priority="P1",
        report_id="9" + text.encode("ascii", "ignore").hex(),
        revision=3,
        victim_age=7,
    )
    assert Gate().facts(plain) == Gate().facts(other)


def test_each_information_set_sees_what_was_known_by_then() -> None:
    full = report(
        occurred_from=START - timedelta(days=3),
        agency_weapons=("102",),
        injuries=("M",),
        offence_code="13A",
        victims=1,
        suspects=2,
        circumstances=("0344",),
        location=Location(area="01", agency_place_type="101"),
    )
    call, details, whole = (tokens(Gate(information).facts(full)) for information in INFORMATION)
    assert call < details < whole
    assert not any(token.startswith(("agency_weapons", "injuries", "offence_code", "filing_delay")) for token in call)
    assert {token.partition(":")[0] for token in details - call} == {
        *("agency_weapons", "injuries", "offence_code", "victims", "suspects", "filing_delay")
    }
    assert {token.partition(":")[0] for token in whole - details} == {
        *("circumstance", "first_circumstance", "last_circumstance", "circumstances")
    }


def test_an_empty_report_has_facts_and_its_numbers_are_unknown() -> None:
    facts = Gate().facts(report())
    assert len(facts.numbers) == len(NUMBERS)
    assert [math.isnan(number) for number in facts.numbers] == [True] * (len(NUMBERS) - 1) + [False]


def test_two_agencies_codes_are_not_taken_for_one_another() -> None:
    here, there = (
        tokens(Gate().facts(report(agency_id=agency, circumstances=("77",), location=Location(area="1"))))
        for agency in ("here", "there")
    )
    assert {token for token in here & there if "77" in token or token.startswith("area")} == set()


def test_an_unknown_information_set_is_refused() -> None:
    with pytest.raises(ValueError, match="all"):
        Gate("all")  # type: ignore[arg-type]  # what a caller without a type checker may pass
