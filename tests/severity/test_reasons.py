"""Why a report has its level, in a dispatcher's words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import INJURIES, WEAPONS
from schemas.crime_report import CrimeReport
from schemas.priority import Reason
from severity.policy import Material
from severity.reasons import CODES, MOST, WORDS, leading, tell
from severity.scorer import Contribution
from severity.traits import load_traits
from severity.wording import Wording
from tests.strategies import codes, maybe, reports

WORDING = Wording.load()
ANY = Material(material_share=0, material_log_odds=0)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def report(**fields: Any) -> CrimeReport:
    return CrimeReport.model_validate({"agency_id": "a", "report_id": "1", "reported_at": NOW} | fields)


def texts(report: CrimeReport, *contributions: tuple[str, str | float | None, float], share: float = 0.05) -> list[str]:
    material = Material(material_share=share, material_log_odds=0)
    told = tell(leading([Contribution(*c) for c in contributions], material), report, WORDING)
    return [reason.text for reason in told.reasons]


@pytest.mark.parametrize(
    ("name", "fields", "text"),
    [
        ("weapons", {"weapons": ["12"]}, "handgun reported"),
        ("weapons", {"weapons": []}, "no weapon reported"),
        (
            "agency_weapons",
            {"agency_id": "lapd", "agency_weapons": ["306"], "weapons": ["30"]},
            "rock/thrown object reported",
        ),
        ("agency_weapons", {"agency_weapons": ["306"], "weapons": ["30"]}, "blunt object reported"),
        ("injuries", {"injuries": ["L", "U"]}, "severe laceration, unconsciousness reported"),
        ("injuries", {"injuries": ["N"]}, "no injury reported"),
        ("place_type", {"location": {"place_type": "20"}}, "place: residence/home"),
        ("agency_place_type", {"agency_id": "lapd", "location": {"agency_place_type": "101"}}, "place: street"),
        ("incident_type", {"incident_type": "ROBBERY"}, "call: Robbery"),
        ("agency_incident_type", {"agency_incident_type": "211S"}, "call: 211S"),
        ("offence_code", {"offence_code": "120"}, "opened as: Robbery"),
        ("urgency", {"urgency": "in-progress"}, "in progress"),
        ("source", {"source": "alarm"}, "reported by an alarm"),
        ("filing_delay", {"occurred_from": NOW - timedelta(days=2)}, "two days old"),
        ("filing_delay", {"occurred_from": NOW - timedelta(days=1)}, "one day old"),
        ("filing_delay", {"occurred_from": NOW - timedelta(days=57)}, "57 days old"),
        ("filing_delay", {"occurred_from": NOW}, "reported on the same day"),
        ("time", {"occurred_from": NOW - timedelta(hours=9, minutes=45)}, "happened on a Monday, 02:15"),
        ("victims", {"victims": 3}, "three victims"),
        ("suspects", {"suspects": 1}, "one suspect"),
    ],
)
def test_an_input_is_told_in_plain_words(name: str, fields: dict[str, Any], text: str) -> None:
    assert texts(report(**fields), (name, None, 1.0)) == [text]


def test_every_input_that_may_be_told_has_words_tested_above() -> None:
    mark = next(m for m in test_an_input_is_told_in_plain_words.pytestmark if m.name == "parametrize")
    assert {CODES.get(case[0], case[0]) for case in mark.args[1]} == WORDS.keys()
    assert CODES.keys() <= {case[0] for case in mark.args[1]}


def test_a_circumstance_is_told_by_the_agencys_own_list() -> None:
    assert texts(report(agency_id="lapd"), ("circumstance", "0444", 1.0)) == ["pushed"]
    assert texts(report(agency_id="lapd"), ("circumstance", "unheard-of", 1.0)) == []
    assert texts(report(), ("circumstance", "0444", 1.0)) == ["circumstance 0444"]


def test_no_circumstance_that_names_a_trait_has_words() -> None:
    for agency, traits in load_traits().items():
        assert not WORDING.circumstances[agency].keys() & traits.keys()
        assert {into for into in traits.values() if into} <= WORDING.circumstances[agency].keys(), "merged ones have"


def test_no_place_type_of_lapd_names_one_known_place_or_a_division() -> None:
    words = " ".join([*WORDING.places["lapd"].values(), *WORDING.circumstances["lapd"].values()])
    for name in ("Hollywood", "Rampart", "red line -", "Staples", "Dodger", "Coliseum", "Union Station", "Pershing"):
        assert name.casefold() not in words.casefold()


@pytest.mark.parametrize("name", ["area", "district", "coordinates", "history", "unsaid", "circumstances", "new-input"])
def test_the_place_and_its_history_are_never_told_but_counted(name: str) -> None:
    told = tell(leading([Contribution(name, "0396", 5.0)], ANY), report(), WORDING)
    assert told.reasons == ()
    assert told.other == 5.0


def test_what_speaks_against_the_level_or_too_little_for_it_is_not_told() -> None:
    r = report(urgency="in-progress", source="caller", victims=2)
    assert texts(r, ("urgency", None, -3.0), ("source", None, 1.0), ("victims", None, 0.04), share=0.05) == [
        "reported by a caller"
    ]


def test_where_hardly_anything_speaks_for_the_level_nothing_is_made_up() -> None:
    little = [Contribution("source", None, 0.09)]
    material = Material(material_share=0.05, material_log_odds=0.1)
    assert tell(leading(little, material), report(source="caller"), WORDING) == ((), 0.09)


def test_two_inputs_for_one_thing_are_one_reason() -> None:
    r = report(agency_id="lapd", agency_weapons=["102"], weapons=["12"])
    both = [Contribution("weapons", "12", 1.0), Contribution("agency_weapons", "102", 2.0)]
    told = tell(leading(both, ANY), r, WORDING)
    assert [(reason.text, reason.contribution) for reason in told.reasons] == [("handgun reported", 3.0)]
    assert told.other == 0


def test_the_rule_comes_first_and_takes_a_place() -> None:
    first = [Reason(code="protective-order", text="rule: protective order")]
    contributions = [Contribution("circumstance", str(n), float(n)) for n in range(1, 9)]
    told = tell(leading(contributions, ANY), report(), WORDING, first)
    assert [reason.text for reason in told.reasons] == [
        "rule: protective order",
        *(f"circumstance {n}" for n in (8, 7, 6)),
    ]
    assert told.reasons[0].contribution is None


inputs = st.sampled_from([*CODES, *WORDS, "circumstance", "area", "history", "unsaid"])
contributions = st.lists(st.builds(Contribution, inputs, maybe(codes), st.floats(-10, 10)), max_size=12)


@given(contributions, reports, st.floats(0, 0.3))
def test_told_and_untold_contributions_add_up(
    contributions: list[Contribution], report: CrimeReport, share: float
) -> None:
    material = Material(material_share=share, material_log_odds=0)
    told = tell(leading(contributions, material), report, WORDING)
    assert len(told.reasons) <= MOST
    assert told.other is not None
    total = sum(reason.contribution or 0.0 for reason in told.reasons) + told.other
    assert total == pytest.approx(sum(c.contribution for c in contributions), abs=1e-9)


def test_every_nibrs_weapon_and_injury_has_words() -> None:
    assert all(WORDING.weapon(report(weapons=[code])) for code in WEAPONS)
    assert all(WORDING.injury(report(injuries=[code])) for code in INJURIES)
