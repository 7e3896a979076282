"""Rules and alerts: Prometheus' own tool runs their tests, and each alert leads to what to do."""

import random
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from sklearn.metrics import accuracy_score, f1_score

from tests.conftest import absent
from tests.deploy.exported import DEPLOY, labels_by_series, rules, unknown

FOLDER = DEPLOY / "prometheus"
DOCS = DEPLOY.parent / "docs"
ALERTS = [rule for rule in rules() if "alert" in rule]
TESTS = sorted(FOLDER.glob("*.test.yml"))


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        absent("promtool: install Debian's package prometheus, or put promtool of a Prometheus release on the path")
    return path


@pytest.fixture(scope="module")
def known() -> dict[str, frozenset[str]]:
    return labels_by_series()


def run(promtool: str, *arguments: object) -> str:
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_all_rules(promtool: str) -> None:
    run(promtool, "check", "config", "--syntax-only", FOLDER / "prometheus.yml")
    run(promtool, "check", "rules", "--lint=all", *FOLDER.glob("*.rules.yml"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_alerts_fire_when_they_should_and_are_silent_when_not(promtool: str, file: Path) -> None:
    run(promtool, "test", "rules", file)


def test_each_alert_has_a_firing_and_a_silent_test() -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for file in TESTS:
        for scene in yaml.safe_load(file.read_text())["tests"]:
            for case in scene.get("alert_rule_test", ()):
                seen[case["alertname"]].add(bool(case["exp_alerts"]))
    assert seen == {alert["alert"]: {True, False} for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_urgent_it_is_and_leads_to_its_own_page(alert: dict[str, Any]) -> None:
    urgency = set(re.findall(r"\b(page|ticket)\b", alert["labels"]["severity"]))
    assert urgency
    assert alert["annotations"]["summary"]
    place = alert["annotations"]["runbook_url"].removeprefix("{{ $externalLabels.docs }}")
    text = (DEPLOY.parent / place).read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    said = set(re.findall(r"\b(page|ticket)\b", text.split("\n")[2]))
    assert said == urgency, f"line 3 of {place} says how urgent it is"


def test_each_page_of_the_runbook_has_its_alert_and_is_listed() -> None:
    pages = {file.name for file in (DOCS / "runbook").glob("*.md")} - {"index.md"}
    assert pages == {alert["annotations"]["runbook_url"].rpartition("/")[2] for alert in ALERTS}
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (DOCS / "runbook" / "index.md").read_text()))
    assert pages <= listed


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_nothing_that_nobody_exports(rule: dict[str, Any], known: dict[str, frozenset[str]]) -> None:
    assert not unknown(rule["expr"], known)


def test_recorded_figures_are_scikit_learns(promtool: str, tmp_path: Path) -> None:
    drawn = random.Random(7)
    pairs = [(drawn.choice((1, 2, 3, 5)), drawn.choice((1, 1, 2, 3, 4))) for _ in range(300)]
    truth, decided = zip(*pairs, strict=True)
    labels = 'basis="solved",release="3",view="published",window="all"'
    expected = {f"live_accuracy:ratio{{{labels}}}": accuracy_score(truth, decided)}
    for average in ("macro", "weighted"):
        expected[f"live_{average}_f1:ratio{{{labels}}}"] = f1_score(truth, decided, average=average)
    for level, f1 in zip(range(1, 6), f1_score(truth, decided, average=None), strict=True):
        expected[f'live_level_f1:ratio{{{labels},level="{level}"}}'] = f1
    test = {
        "rule_files": [str(FOLDER / "quality.rules.yml")],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {
                        "series": f'severity_live_confusion_total{{release="3",basis="solved",view="published",'
                        f'true_level="{true}",decided_level="{level}",instance="{true + level}"}}',
                        "values": f"{pairs.count((true, level))}x3",
                    }
                    for true, level in sorted(set(pairs))
                ],
                "promql_expr_test": [
                    # promtool compares to the last bit, and Prometheus sums in another order.
                    {
                        "expr": f"abs(severity:{series} - {float(value)!r}) < bool 1e-12",
                        "eval_time": "3m",
                        "exp_samples": [{"labels": series.partition("{")[1] + series.partition("{")[2], "value": 1}],
                    }
                    for series, value in expected.items()
                ],
            }
        ],
    }
    file = tmp_path / "sklearn.test.yml"
    file.write_text(yaml.safe_dump(test))
    run(promtool, "test", "rules", file)
