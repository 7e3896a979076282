"""Severity × urgency × suspect → the agency's priority."""

import shutil
from itertools import product
from pathlib import Path

import pytest

from severity.scheme import LEVELS, SUSPECT, URGENCIES, Scheme, Schemes
from severity.tables import BUILT_IN, TableError

SCHEMES = Schemes.load()
ALL = [("default", SCHEMES.default), ("lapd", SCHEMES.for_agency("lapd"))]
each = pytest.mark.parametrize("scheme", [scheme for _, scheme in ALL], ids=[name for name, _ in ALL])


@each
def test_graver_and_more_urgent_never_gets_a_lower_eido_number_or_a_less_urgent_priority(scheme: Scheme) -> None:
    cells = list(product(LEVELS, range(len(URGENCIES)), range(len(SUSPECT))))
    for (a, ua, sa), (b, ub, sb) in product(cells, cells):
        if a <= b and ua <= ub and sa <= sb:
            less, more = scheme.place(a, URGENCIES[ua], SUSPECT[sa]), scheme.place(b, URGENCIES[ub], SUSPECT[sb])
            assert scheme.more_urgent(more, less) == more
            assert more.eido_priority >= less.eido_priority


@each
def test_ten_is_the_highest_eido_number_and_goes_to_the_gravest_in_progress(scheme: Scheme) -> None:
    assert scheme.place(5, "in-progress", True).eido_priority == 10
    assert scheme.place(1, "past", False).eido_priority == min(p.eido_priority for p in scheme.by_code.values())


@each
@pytest.mark.parametrize("severity", LEVELS)
@pytest.mark.parametrize("suspect", SUSPECT)
def test_a_cold_case_ranks_below_the_same_offence_in_progress(
    scheme: Scheme, severity: int, suspect: bool | None
) -> None:
    cold, hot = scheme.place(severity, "past", suspect), scheme.place(severity, "in-progress", suspect)
    assert cold != hot
    assert scheme.more_urgent(cold, hot) == hot
    assert cold.eido_priority < hot.eido_priority


def test_a_robbery_reported_two_days_late_is_not_p1() -> None:
    assert SCHEMES.default.place(5, "past", None).priority == "P3"
    assert SCHEMES.default.place(5, "in-progress", None).priority == "P1"


@each
def test_unknown_is_treated_as_more_urgent_than_no(scheme: Scheme) -> None:
    for severity in LEVELS:
        unknown, no = scheme.place(severity, None, None), scheme.place(severity, "past", False)
        assert scheme.more_urgent(no, unknown) == (unknown if unknown != no else no)


def test_no_severity_is_placed_for_triage() -> None:
    assert SCHEMES.default.place(None, None, None).priority == "P2"
    assert SCHEMES.for_agency("lapd").place(None, "past", False).priority == "Code 2"


def test_an_agency_without_a_scheme_has_the_default() -> None:
    assert SCHEMES.for_agency("elsewhere") is SCHEMES.default


def test_a_priority_is_found_in_whatever_case_and_an_unknown_one_is_not() -> None:
    found = SCHEMES.for_agency("lapd").find(" code 3 ")
    assert found is not None
    assert found.priority == "Code 3"
    assert SCHEMES.default.find("Code 3") is None
    assert SCHEMES.default.find("") is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(BUILT_IN / "schemes", tmp_path / "schemes")
    return tmp_path / "schemes"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('yes = ["P3", "P2", "P2", "P1", "P1"]', 'yes = ["P3", "P2", "P2", "P1", "P2"]', "less urgent"),
        ('no = ["P5", "P5", "P4", "P3", "P3"]', 'no = ["P4", "P4", "P4", "P3", "P3"]', "less urgent"),
        ('no = ["P5", "P5", "P4", "P3", "P3"]', 'no = ["P9", "P5", "P4", "P3", "P3"]', "P9"),
        ('triage = "P2"', 'triage = "P0"', "P0"),
        ("eido_priority = 10", "eido_priority = 0", "10 is the highest"),
        ("eido_priority = 10", "eido_priority = 11", "less than or equal to 10"),
        ('code = "P5"', 'code = "p4"', "twice"),
        ('colour = "#b3001b"', 'colour = "red"', "pattern"),
        ("[placement.past]", "[placement.later]", "past"),
        ('triage = "P2"', "triage = ", "default.toml"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(folder: Path, old: str, new: str, complaint: str) -> None:
    path = folder / "default.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TableError, match=complaint):
        Schemes.load(folder)
