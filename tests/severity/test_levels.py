"""The label table."""

import csv
from pathlib import Path

import pytest

from schemas.codes import OFFENCES
from schemas.solved_case import Offence
from severity.levels import LevelTable, level_of_days
from severity.tables import TableError

TABLE = LevelTable.load()


@pytest.mark.parametrize(
    ("days", "level"),
    [(0, 1), (4, 1), (4.5, 2), (20, 2), (21, 3), (150, 3), (151, 4), (300, 4), (300.5, 5), (5475, 5)],
)
def test_a_cut_belongs_to_the_level_below_it(days: float, level: int) -> None:
    assert level_of_days(days) == level


def test_every_nibrs_offence_has_a_level() -> None:
    assert TABLE.nibrs.keys() == OFFENCES.keys()
    assert set(TABLE.nibrs.values()) == {1, 2, 3, 4, 5}


def test_lapd_levels_are_those_of_the_public_table(lapd_levels: Path) -> None:
    with lapd_levels.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        assert TABLE.by_agency["lapd"] == {row["crm_cd"]: int(row["severity_level"]) for row in rows}


def nibrs(code: str) -> Offence:
    return Offence(nibrs_code=code)


def test_the_gravest_offence_counts_whatever_the_order() -> None:
    assert TABLE.level([nibrs("23C"), nibrs("220"), nibrs("13B")], "lapd") == 4
    assert TABLE.level([nibrs("220"), nibrs("23C")], "elsewhere") == 4


def test_an_agencys_own_code_counts_for_that_agency_alone() -> None:
    own = Offence(agency_code="510")
    assert TABLE.level([own], "lapd") == 2
    assert TABLE.level([own], "elsewhere") is None


def test_an_agencys_own_code_counts_before_the_nibrs_code_beside_it() -> None:
    assert TABLE.level([Offence(agency_code="237", nibrs_code="13A")], "lapd") == 3
    assert TABLE.level([Offence(agency_code="unheard-of", nibrs_code="13A")], "lapd") == 5


def test_an_unknown_offence_gives_no_level_unless_the_gravest_is_known() -> None:
    assert TABLE.level([], "lapd") is None
    assert TABLE.level([nibrs("unheard-of")], "lapd") is None
    assert TABLE.level([nibrs("unheard-of"), nibrs("220")], "lapd") is None
    assert TABLE.level([nibrs("unheard-of"), nibrs("09A")], "lapd") == 5


def test_a_family_holds_for_codes_that_begin_like_it_and_the_longest_counts(tmp_path: Path) -> None:
    rows = "03*,robbery,365,5\n0311*,robbery of a shop,5,2\n031112,attempt,1,1\n"
    (tmp_path / "nibrs.csv").write_text(f"code,offence,harm_days,level\n{rows}", encoding="utf-8")
    table = LevelTable.load(tmp_path)
    expected = {"031222": 5, "031111": 2, "031112": 1, "0311": 2, "04": None, "": None}
    assert {code: table.level([Offence(nibrs_code=code or None)], "any") for code in expected} == expected


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("1,X,365,4", "level 5"),
        ("1,X,many,5", "not a number"),
        ("1,X,1,1\n1,X,1,1", "twice"),
        ("1,X, with comma,1,1", "cells"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, row: str, complaint: str) -> None:
    (tmp_path / "nibrs.csv").write_text(f"# source\ncode,offence,harm_days,level\n{row}\n", encoding="utf-8")
    with pytest.raises(TableError, match=complaint):
        LevelTable.load(tmp_path)


def test_the_digest_follows_the_content_not_the_line_ends(tmp_path: Path) -> None:
    content = b"code,offence,harm_days,level\n1,X,1,1\n"
    digests = []
    for name, variant in [
        ("a", content),
        ("b", content.replace(b"\n", b"\r\n")),
        ("c", content.replace(b"1,1", b"2,1")),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "nibrs.csv").write_bytes(variant)
        digests.append(LevelTable.load(tmp_path / name).digest)
    assert digests[0] == digests[1] != digests[2]
