"""What a user can mend is told in one line; what is our own fault keeps its trace."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.errors import in_words
from cli.main import app


@pytest.mark.parametrize(
    ("command", "variable", "value"),
    [
        ("scorer", "SEVERITY_SCORER__METRICS_PORT", "abc"),
        ("scorer", "SEVERITY_KAFKA__DELIVERY", "maybe"),
        ("trainer", "SEVERITY_TRAINER__ZONE", "Mars/Olympus"),
        ("trainer", "SEVERITY_TRAINER__TOPICS", "not JSON"),
        ("cad", "SEVERITY_CAD__CITY", "gotham"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    command: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    done = CliRunner().invoke(app, [command])
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.startswith(f"severity {command}: ")
    assert done.stderr.count("\n") == 1
    assert variable.rpartition("__")[2].lower() in done.stderr.lower()


def test_a_key_that_exists_is_not_made_again_and_a_line_says_so(tmp_path: Path) -> None:
    first, again = (CliRunner().invoke(app, ["keys", "new", str(tmp_path)]) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 1)
    assert "severity.public.pem exists" in again.stderr
    assert again.stderr.count("\n") == 1


def test_a_training_without_a_key_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEVERITY_TRAINER__SIGNING_KEY", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SEVERITY_TRAINER__DATASET", str(tmp_path / "dataset"))
    done = CliRunner().invoke(app, ["train", "--once", "--no-announce"])
    assert done.exit_code == 1
    assert "none.pem" in done.stderr
    assert not (tmp_path / "dataset").exists()


def test_our_own_faults_keep_their_trace() -> None:
    assert in_words(KeyError("x")) is None
    assert in_words(ValueError("x")) is None
