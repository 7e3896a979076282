"""`severity evaluate` on a small file in the city's own columns."""

import csv
import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from cad.lapd import OUTCOME_COLUMNS, REPORT_COLUMNS
from cli.main import app

OFFENCES = {"740": "0329", "624": "0416", "442": "0325", "330": "1307", "210": "0344"}
"""LAPD's final codes of several levels, and an MO code that mostly goes with each."""

A_DAY = 12
ROWS = 17 * A_DAY
COMPETE = {"majority", "rules", "frozen", "champion"}
EVALUATED = {"accuracy", "macro_f1", "levels", "far_off", "far_too_low", "confusion", "top_recall", "doubts"}


@pytest.fixture(scope="module")
def city_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of 17 days, one row without a readable time and one with an offence that no table knows."""
    rng = random.Random(3)
    path = tmp_path_factory.mktemp("city") / "lapd_recovered.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.DictWriter(out, [*REPORT_COLUMNS, *OUTCOME_COLUMNS], restval="")
        rows.writeheader()
        for number in range(ROWS):
            day = f"{date(2023, 1, 1) + timedelta(days=number // A_DAY):%m/%d/%Y} 12:00:00 AM"
            code, written = rng.choice([*OFFENCES.items()])
            row = {
                "DR_NO": f"23{number:07}",
                "Date Rptd": day,
                "DATE OCC": day,
                "TIME OCC": f"{rng.randrange(24):02}30",
                "AREA": str(rng.randint(1, 4)),
                "Premis Cd": rng.choice(["101", "501", "502"]),
                "Mocodes": written if rng.random() < 0.8 else "",
                "LAT": "34.05",
                "LON": "-118.25",
                "Crm Cd": code,
                "Status": rng.choice(["IC", "IC", "AA"]),
            }
            rows.writerow(row | {40: {"TIME OCC": "noon"}, 50: {"Crm Cd": "999"}}.get(number, {}))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture(scope="module")
def answer(city_file: Path) -> Result:
    days = ("--prequential", "daily", "--outcomes", "solved+audit:0.5", "--audit-keys", "2", "--delay", "both")
    return run("lapd", city_file, "--json", *days)


@pytest.fixture(scope="module")
def found(answer: Result) -> dict[str, Any]:
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def test_the_json_object_stands_alone_on_standard_output(answer: Result, found: dict[str, Any]) -> None:
    assert len(answer.stdout.splitlines()) == 1
    assert "macro-F1" in answer.stderr


def test_every_promised_key_is_there(found: dict[str, Any]) -> None:
    assert found["holdout"].keys() >= EVALUATED | {"train_rows", "test_rows", "fit_seconds", "published"}
    for name in ("majority", "rules", "logistic"):
        assert found[name].keys() >= EVALUATED
    for information in ("call", "details", "report"):
        assert found["information"][information].keys() >= {*found["holdout"], "majority", "rules", "logistic"}
    for told in found["prequential"]:
        assert told["models"].keys() == {*COMPETE, "retrained"}
        for course in told["draws"].values():
            assert course["models"]["retrained"].keys() >= {"accuracy", "macro_f1", "levels"}
    assert found["holdout"] == {k: v for k, v in found["information"]["report"].items() if k in found["holdout"]}


def test_rows_are_accounted_for_by_reason_and_named(answer: Result, found: dict[str, Any]) -> None:
    assert found["rows"] == ROWS
    assert found["skipped_rows"] == {"bad-time": 1, "no-level": 1}
    assert found["holdout"]["train_rows"] + found["holdout"]["test_rows"] == ROWS - 2
    assert "230000040" in answer.stderr
    assert "230000050" in answer.stderr


def test_figures_of_a_recovered_file_say_so(answer: Result, found: dict[str, Any]) -> None:
    assert found["recovered"]
    tables = [line for line in answer.stderr.splitlines() if "lapd_recovered.csv" in line and line.startswith("lapd")]
    assert len(tables) == 6
    assert all("(recovered" in line for line in tables)


def test_the_regime_of_outcomes_and_their_delays_stand_beside_the_days(answer: Result, found: dict[str, Any]) -> None:
    assert [told["outcomes"] for told in found["prequential"]] == ["solved+audit:0.5"] * 2
    assert [told["ceiling"] for told in found["prequential"]] == [False, False]
    at_once, late = found["prequential"]
    assert at_once["delay"] is None
    assert "drawn" in late["delay"]
    known = [told["draws"]["evaluate-1"]["known_outcomes"] for told in (at_once, late)]
    assert known[0] > known[1]
    assert "outcomes: solved+audit:0.5" in answer.stderr
    assert "With drawn delays" in answer.stderr


def test_each_draw_of_the_audit_is_told_and_the_spread_over_them(found: dict[str, Any]) -> None:
    told = found["prequential"][0]
    each = [course["models"]["retrained"]["accuracy"] for course in told["draws"].values()]
    assert len(each) == 2
    spread = told["models"]["retrained"]["accuracy"]
    assert (spread["least"], spread["most"]) == (min(each), max(each))
    assert spread["mean"] == pytest.approx(sum(each) / 2)
    assert all(c["periods"] == 3 and c["reports"] == 3 * A_DAY for c in told["draws"].values())


def test_what_is_learned_shows_in_what_is_known(found: dict[str, Any]) -> None:
    by_set = found["information"]
    assert by_set["report"]["accuracy"] > by_set["call"]["accuracy"]
    assert by_set["report"]["accuracy"] > found["majority"]["accuracy"]


@pytest.fixture(scope="module")
def incident_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of four years in St. Louis' columns, the offence hanging on the district."""
    rng = random.Random(4)
    path = tmp_path_factory.mktemp("stlouis") / "incidents.parquet"
    rows = []
    for year in range(2014, 2018):
        for number in range(90):
            district = rng.randint(1, 3)
            crime = ["31111", "67701", "51111"][district - 1] if rng.random() < 0.8 else "91113"
            month = number // 8 + 1
            rows.append(
                {
                    "Complaint": f"{year - 2000}-{number:06}",
                    "CodedMonth": f"{year}-{month:02}",
                    "DateOccur": f"{month:02}/{rng.randint(1, 28):02}/{year} {rng.randrange(24):02}:00",
                    "Count": "1",
                    "Crime": crime,
                    "District": f"{district}",
                    "ILEADSStreet": "MAIN ST",
                    "Neighborhood": f"{rng.randint(1, 9)}",
                    "XCoord": "0",
                    "YCoord": "0",
                }
            )
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_years_are_told_one_by_one_for_the_frozen_the_retrained_and_the_recent(incident_file: Path) -> None:
    result = run("stlouis", incident_file, "--json", "--prequential", "yearly", "--half-life", "365")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    (told,) = found["prequential"]
    (course,) = told["draws"].values()
    assert [*course["by_period"]] == ["2016", "2017"]
    assert course["by_period"]["2016"].keys() == {*COMPETE, "retrained", "half-life 365 days"}
    assert told["ceiling"]
    assert course["models"]["retrained"]["accuracy"] > found["majority"]["accuracy"]
    assert "year by year" in result.stderr


def test_a_city_whose_file_tells_less_is_judged_on_that_alone(incident_file: Path) -> None:
    found = json.loads(run("stlouis", incident_file, "--json").stdout)
    assert [*found["information"]] == ["call"]
    assert found["holdout"]["accuracy"] > found["majority"]["accuracy"]


def test_a_person_gets_tables_and_two_pictures(city_file: Path, tmp_path: Path) -> None:
    result = run("lapd", city_file, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"confusion.png", "reliability.png"}
    for word in ("call", "details", "report", "majority", "rules", "logistic", "published", "in set"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "file.csv"], "nowhere"),
        (["lapd", "no-such-file.csv"], "does not exist"),
        (["lapd", __file__], "no column"),
        (["lapd", __file__, "--outcomes", "some"], "solved+audit"),
        (["lapd", __file__, "--audit-keys", "5"], "no audit"),
        (["stlouis", __file__], "not the Parquet file"),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
