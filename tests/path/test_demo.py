"""`severity demo` as a user runs it: real processes that speak Kafka."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.deploy.exported import undeclared

KEYS = {
    "reports",
    "priorities",
    "lost",
    "dead_lettered",
    "releases",
    "accuracy",
    "macro_f1",
    "p50_ms",
    "p99_ms",
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", "demo", *arguments]


def run(*arguments: str) -> tuple[dict, str]:
    """The demo's JSON object and what it said beside it."""
    done = subprocess.run(command("--json", *arguments), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout), done.stderr


def assert_whole(summary: dict) -> None:
    assert summary.keys() >= KEYS
    assert summary["reports"] > 500
    assert summary["priorities"] == summary["reports"]
    assert summary["lost"] == 0
    assert summary["dead_lettered"] == 0
    assert summary["releases"] >= 1
    assert 0 < summary["accuracy"] <= 1
    assert 0 < summary["macro_f1"] <= 1
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]


def test_every_report_has_its_priority_on_the_embedded_broker_while_it_trains_again_and_again(tmp_path: Path) -> None:
    summary, said = run("--duration", "60", "--rate", "60", "--keep", str(tmp_path))
    assert_whole(summary)
    assert "at least once" in said
    told = [json.loads(line) for line in (tmp_path / "trainer.log").read_text().splitlines() if line.startswith("{")]
    assert [event["event"] for event in told].count("training") > 1


@pytest.mark.kafka
def test_every_report_has_its_priority_on_a_real_kafka(kafka: str) -> None:
    summary, said = run("--duration", "40", "--rate", "40", "--bootstrap-servers", kafka)
    assert_whole(summary)
    assert "0 repeated" in said


def test_real_reports_are_replayed_and_a_first_training_that_outlasts_them_is_waited_for(lapd_file: Path) -> None:
    summary, _ = run("--reports", "1200", "--rate", "100", "--city", "lapd", "--data", str(lapd_file))
    assert summary["reports"] == summary["priorities"] == 1200
    assert summary["lost"] == 0
    assert summary["releases"] == 1


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as SIGINT, which another process cannot send on Windows")
def test_ctrl_c_ends_it_cleanly_while_metrics_answer(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        command("--forever", "--keep", str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    urls: list[str] = []
    for line in demo.stdout:
        lines.append(line)
        urls += [word for word in line.split() if word.startswith("http://127.0.0.1")]
        if "priorities" in line and "reports" in line:
            break
    assert len(urls) == 2, lines
    for service, url in zip(("scorer", "trainer"), urls, strict=True):
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert not undeclared(service, answer.read().decode()), "docs/metrics.md would not know it"
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert "summary" in rest
    assert demo.returncode == 0, rest
    time.sleep(0.5)
    assert {path.name for path in tmp_path.glob("*.log")} == {"scorer.log", "trainer.log", "cad.log"}
