"""What the documentation names is there, its examples keep the contract, and its generated pages are current."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from cli.main import app
from cli.settings import variables
from schemas.export import CHANNELS
from schemas.page import render

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]


def told(pattern: str) -> Iterator[tuple[str, str]]:
    """(page, what it says) of each match."""
    for page in WRITTEN:
        for match in re.finditer(pattern, page.read_text(encoding="utf-8")):
            yield page.name, match[1]


def test_each_test_that_a_page_names_is_there() -> None:
    named = set(told(r"`(tests/[\w/]+\.py(?:::\w+)?)`"))
    assert len(named) > 30
    for page, name in sorted(named):
        path, _, test = name.partition("::")
        assert (ROOT / path).is_file(), f"{page} names {path}"
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{page} names {name}"


def test_each_guarantee_names_its_tests() -> None:
    for page in ("delivery", "dead-letters", "degradation", "reload", "shutdown"):
        assert "`tests/" in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), page


def test_each_file_that_a_page_names_is_there() -> None:
    folders = "schemas|severity|stream|trainer|transport|telemetry|cad|cli|deploy|examples|docs"
    for page, name in sorted(set(told(rf"`((?:{folders})/[\w./-]*)`"))):
        assert (ROOT / name).exists(), f"{page} names {name}"


def test_each_link_of_the_pages_beside_the_code_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page.name} links to {target}"


def test_each_command_that_a_page_shows_is_one() -> None:
    root = typer.main.get_command(app)
    shown = set(told(r"(?m)^(severity (?!->)[a-z].*)$")) | set(told(r"`(severity [a-z][^`\n]*)`"))
    assert len(shown) > 20
    for page, line in sorted(shown):
        words = shlex.split(line.partition("#")[0].replace("…", ""))[1:]
        command = root
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, f"{page}: {line}"
            command = command.commands[words.pop(0)]
        options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, f"{page}: {line}"


def test_each_setting_that_a_page_names_is_one() -> None:
    known = {name for name, _, _ in variables()}
    for page, name in sorted(set(told(r"\b(SEVERITY_[A-Z]+__[A-Z_]+)\b(?!__?\*)"))):
        assert name in known, f"{page} names {name}"


def test_each_example_keeps_the_contract() -> None:
    for event in {channel.event for channel in CHANNELS}:
        body = (ROOT / "schemas" / "examples" / f"{event.__name__}.json").read_bytes()
        assert not getattr(event.model_validate_json(body), "unknown_fields", ())


def test_the_contracts_page_is_current_and_tells_every_field() -> None:
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert page == render(), "run `make generated`"
    for event in {channel.event for channel in CHANNELS}:
        assert all(f"| `{name}` |" in page for name in event.model_fields)


def test_the_core_is_read_in_ten_minutes() -> None:
    core = {"concepts": None, "delivery": "## An agency", "degradation": "## Shown by", "design": "## Why so new"}
    words = 0
    for name, end in core.items():
        page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        words += len(re.findall(r"\w[^\s|]*", page[: page.index(end)] if end else page))
    assert words <= 10 * 220


def test_a_broken_link_fails_the_site(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-c",
        ROOT / "docs",
        tmp_path,
        tmp_path / "site",
    ]
    (tmp_path / "delivery.md").write_text("# A page\n", encoding="utf-8")
    start = "# Start\n\n```{toctree}\ndelivery\n```\n\n[good](delivery.md)\n\n"
    (tmp_path / "index.md").write_text(start, encoding="utf-8")
    good = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert good.returncode == 0, good.stderr
    (tmp_path / "index.md").write_text(
        f"{start}[x](no-page.md) [x](delivery.md#no-anchor) ![x](no-image.png)", encoding="utf-8"
    )
    broken = subprocess.run(build, capture_output=True, text=True, timeout=120)
    assert broken.returncode != 0
    assert all(what in broken.stderr for what in ("no-page", "no-anchor", "no-image"))
