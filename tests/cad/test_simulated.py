"""Rivertown: plausible, repeatable, and hard enough to be worth learning."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from cad.city import Case
from cad.facts import Facts, FilingDelay, Shares
from cad.simulated import AGENCY, SimulatedCity
from schemas.codes import INCIDENT_TYPES, INJURIES, OFFENCES, PLACE_TYPES, WEAPONS
from schemas.crime_report import CrimeReport
from schemas.envelope import decode, encode
from severity.levels import LevelTable

START = datetime(2026, 3, 1, tzinfo=UTC)
MANY = 6000


def cases(number: int, seed: int = 5, **options: object) -> list[Case]:
    return list(islice(SimulatedCity(seed, START, levels=LevelTable.load(), **options), number))


@pytest.fixture(scope="module")
def city() -> list[Case]:
    return cases(MANY)


def test_the_same_seed_gives_the_same_city_and_another_seed_another(city: list[Case]) -> None:
    assert cases(300) == city[:300]
    assert cases(300, seed=6) != city[:300]


def test_every_report_and_correction_keeps_the_contract(city: list[Case]) -> None:
    for case in city:
        for report in (case.report, *(correction.report for correction in case.corrections)):
            assert decode(CrimeReport, *encode(report, source="/cad", time=START)) == report
            assert report.unknown_fields == ()


def test_reports_use_the_public_codes(city: list[Case]) -> None:
    reports = [case.report for case in city]
    assert {code for r in reports for code in r.weapons} <= WEAPONS.keys()
    assert {code for r in reports for code in r.injuries} <= INJURIES.keys()
    assert {r.location.place_type for r in reports} - {None} <= PLACE_TYPES.keys()
    assert {r.incident_type for r in reports} <= INCIDENT_TYPES.keys()
    assert {r.offence_code for r in reports} - {None} <= OFFENCES.keys()
    assert {offence.nibrs_code for case in city for offence in case.outcome.offences} <= OFFENCES.keys()


def test_reports_come_in_order_of_filing_and_occurred_before(city: list[Case]) -> None:
    reports = [case.report for case in city]
    assert all(a.reported_at <= b.reported_at for a, b in pairwise(reports))
    assert all(r.occurred_from is not None and r.occurred_from <= r.reported_at for r in reports)
    assert len({r.report_id for r in reports}) == MANY
    days = (reports[-1].reported_at - START) / timedelta(days=1)
    assert 540 < MANY / days < 660


def test_the_mix_of_levels_is_plausible(city: list[Case]) -> None:
    levels = Counter(case.outcome.level for case in city)
    shares = {level: levels[level] / MANY for level in levels}
    assert 0.42 < shares[1] < 0.52
    assert 0.28 < shares[2] < 0.40
    assert 0.01 < shares[3] < 0.04
    assert 0.06 < shares[4] < 0.12
    assert 0.06 < shares[5] < 0.10
    assert 0.001 < shares[None] < 0.012  # unfounded: no offence, no level


def test_clearance_is_slow_to_come_by_and_selective(city: list[Case]) -> None:
    cleared = {level: [case.outcome.cleared for case in city if case.outcome.level == level] for level in (1, 2, 4, 5)}
    share = {level: sum(values) / len(values) for level, values in cleared.items()}
    assert 0.08 < sum(map(sum, cleared.values())) / MANY < 0.18
    assert share[5] > 2 * share[1]
    assert share[5] > 2 * share[4]


def test_a_weapon_tells_of_severity_but_does_not_decide_it(city: list[Case]) -> None:
    armed = [case.outcome.level for case in city if "12" in case.report.weapons]
    assert 0.5 < armed.count(5) / len(armed) < 0.95
    unarmed_violence = [c.outcome.level for c in city if c.report.incident_type == "ASSAULT" and not c.report.weapons]
    assert 0 < unarmed_violence.count(5) / len(unarmed_violence) < 0.3


def test_a_correction_changes_the_report_and_is_filed_after_it(city: list[Case]) -> None:
    corrected = [(case.report, correction) for case in city for correction in case.corrections]
    assert 0.02 * MANY < len(corrected) < 0.12 * MANY
    for first, correction in corrected:
        assert (first.revision, correction.report.revision) == (1, 2)
        assert correction.after > timedelta(0)
        assert correction.report.model_copy(update={"revision": 1}) != first
        assert correction.report.key == first.key
    assert any(not first.weapons and correction.report.weapons for first, correction in corrected)
    assert any(first.incident_type != correction.report.incident_type for first, correction in corrected)


def test_the_final_offence_is_not_what_the_report_opened_with(city: list[Case]) -> None:
    opened = [c for c in city if c.report.offence_code and c.outcome.offences]
    agree = sum(c.report.offence_code == c.outcome.offences[0].nibrs_code for c in opened) / len(opened)
    assert 0.4 < agree < 0.75


def test_flags_may_be_unknown_and_drills_are_few(city: list[Case]) -> None:
    for flag in ("child", "domestic", "protective_order", "suspect_present", "vulnerable_person"):
        assert {getattr(case.report.flags, flag) for case in city} == {True, False, None}
    drills = [case for case in city if case.report.status != "Actual"]
    assert 0 < len(drills) < 0.01 * MANY
    assert {case.report.agency_id for case in city} == {AGENCY}


def test_before_the_drift_nothing_differs_and_after_it_mix_and_meaning_do(city: list[Case]) -> None:
    drifted = cases(MANY, drift_after=1000)
    assert drifted[:1000] == city[:1000]

    def share(of: list[Case], call: str) -> float:
        return sum(case.report.agency_incident_type == call for case in of) / len(of)

    def grave_with_handgun(of: list[Case]) -> float:
        levels = [case.outcome.level for case in of if "12" in case.report.weapons]
        return levels.count(5) / len(levels)

    before, after = city[1000:], drifted[1000:]
    assert share(after, "FRAUD") > 2 * share(before, "FRAUD")
    assert share(after, "THEFT") < 0.7 * share(before, "THEFT")
    assert grave_with_handgun(after) < grave_with_handgun(before) - 0.2


def test_a_prefix_keeps_two_runs_apart() -> None:
    assert [case.report.report_id for case in cases(2, prefix="b7-")] == ["b7-0000001", "b7-0000002"]


def test_every_call_type_has_its_facts() -> None:
    facts = Facts.load()
    for call in facts.calls:
        assert call.incident_type in INCIDENT_TYPES
        assert {call.opening, *call.offences.values} <= OFFENCES.keys()
        assert sum(facts.hours[call.group]) == pytest.approx(1, abs=0.01)
        assert call.group in facts.places.keys() & facts.delays.keys() & facts.circumstances.keys()


def test_offences_of_a_call_type_stand_from_the_least_grave_to_the_gravest() -> None:
    nibrs = LevelTable.load().nibrs
    for call in Facts.load().calls:
        levels = [nibrs[offence] for offence in call.offences.values]
        assert levels == sorted(levels), call.name


def test_shares_are_drawn_in_proportion_and_delays_between_their_quantiles() -> None:
    shares = Shares([("a", 1), ("b", 3)])
    assert [shares.at(q) for q in (0.0, 0.24, 0.26, 1.0)] == ["a", "a", "b", "b"]
    delay = FilingDelay(0.5, ((0.0, 1.0), (0.5, 3.0), (1.0, 90.0)))
    assert (delay.late(0), delay.late(0.25), delay.late(0.5), delay.late(1)) == (1, 2, 3, 90)
