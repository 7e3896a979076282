"""Dashboards: Grafana could load them, and no panel asks for what nobody exports."""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.exported import DEPLOY, labels_by_series, unknown

GRAFANA = DEPLOY / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def known() -> dict[str, frozenset[str]]:
    return labels_by_series()


def panels(file: Path) -> list[dict[str, Any]]:
    return list(json.loads(file.read_text())["panels"])


def queries() -> Iterator[Any]:
    for file in FILES:
        for panel in panels(file):
            for target in panel["targets"]:
                yield pytest.param(target["expr"], id=f"{file.stem}: {panel['title']} {target['refId']}")


def test_there_are_three() -> None:
    assert [file.stem for file in FILES] == ["kafka", "model", "responders"]


@pytest.mark.parametrize("query", list(queries()))
def test_a_panel_asks_for_nothing_that_nobody_exports(query: str, known: dict[str, frozenset[str]]) -> None:
    assert not unknown(query.replace("$", ""), known)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    board = json.loads(file.read_text())
    variables = {variable["name"] for variable in board["templating"]["list"]}
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert board["uid"] == f"severity-{file.stem}"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
            assert {word.split('"')[0] for word in target["expr"].split("$")[1:]} <= variables


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_panel_lies_on_another(file: Path) -> None:
    for one, other in combinations([panel["gridPos"] for panel in panels(file)], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
        assert one["x"] + one["w"] <= 24


def test_a_query_for_what_nobody_exports_is_found(known: dict[str, frozenset[str]]) -> None:
    assert not unknown('sum(rate(severity_reports_in_total{instance="a"}[5m]))', known)
    assert unknown("rate(severity_reports_total[5m])", known)
    assert unknown('severity_lag_records{partition="1"}', known)
    with pytest.raises(ValueError, match="unclosed"):
        unknown("sum(severity_lag_records", known)
