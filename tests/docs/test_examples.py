"""The programs of examples/ as a CAD vendor starts them: on a real Kafka of their own, answered by a real scorer.

Where Maven's or npm's registry does not answer a test fails with what they say: CI cannot do without them. GitHub,
where the client for JavaScript has its library, may be out of reach: that test is then skipped, and says so.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.topics import topic_specs
from severity.artefact.keys import new_pair
from tests.conftest import absent
from tests.stream.running import SECONDS, scorer
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "schemas" / "examples" / "CrimeReport.json"
SCHEMAS = [ROOT / "schemas" / "generated" / f"{event}.schema.json" for event in ("CrimeReport", "Priority")]

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka with a scorer that has no model."""
    folder = tmp_path_factory.mktemp("scorer")
    new_pair(folder / "keys", "severity")
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(LocalKafka(topics=topic_specs()))
        except NoBroker as error:
            absent(f"a Kafka for the examples alone: {error}")
        running = scorer(kafka.settings(), folder / "keys", folder=folder, model_wait_seconds=1)
        stack.enter_context(running).ready()
        yield kafka.bootstrap_servers


def _asked_for(language: str) -> None:
    wanted = os.environ.get("SEVERITY_TEST_EXAMPLES", "python").split(",")
    if language not in wanted:
        pytest.skip(f"{language} fetches its packages: SEVERITY_TEST_EXAMPLES=python,java,javascript tries them all")


def _run(*command: object, folder: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def _lines(path: Path, until: Callable[[list[str]], bool]) -> list[str]:
    deadline = time.monotonic() + SECONDS
    while not until(lines := path.read_text(encoding="utf-8").splitlines()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return lines


def _python(servers: str, _: Path) -> tuple[list[object], list[object]]:
    python = ROOT / "examples" / "python"
    return [sys.executable, python / "send.py", REPORT, servers], [sys.executable, "-u", python / "read.py", servers]


def _javascript(servers: str, folder: Path) -> tuple[list[object], list[object]]:
    shutil.copytree(ROOT / "examples" / "javascript", folder / "examples" / "javascript")
    shutil.copytree(ROOT / "schemas" / "generated", folder / "schemas" / "generated")
    programs = folder / "examples" / "javascript"
    _run("npm", "install", "--no-audit", "--ignore-scripts", folder=programs)
    # Its installing script, less that it builds the library for many minutes where it cannot be fetched.
    client = programs / "node_modules" / "@confluentinc" / "kafka-javascript"
    fetch = ["npx", "--no-install", "node-pre-gyp", "install"]
    done = subprocess.run(fetch, cwd=client, capture_output=True, text=True, timeout=300)
    if unreached := re.search(r"\S+ failed, reason: .*", done.stdout + done.stderr):
        pytest.skip(f"JavaScript's client has its library from GitHub: {unreached[0]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return ["node", programs / "send.js", REPORT, servers], ["node", programs / "read.js", servers]


def _java(servers: str, folder: Path) -> tuple[list[object], list[object]]:
    shutil.copytree(ROOT / "examples" / "java", folder / "java")
    contract = folder / "java" / "src" / "main" / "java" / "contract"
    contract.mkdir()
    to_java = ["--src-lang", "schema", "--lang", "java", "--package", "contract", "--out", contract / "Contract.java"]
    _run("npx", "--yes", "quicktype@26", *to_java, *SCHEMAS)
    maven = ["mvn", "--batch-mode", "--quiet", "--file", folder / "java" / "pom.xml", "compile", "exec:java"]
    return (
        [*maven, "-Dexec.mainClass=cad.Send", f"-Dexec.args={servers}"],
        [*maven, "-Dexec.mainClass=cad.Read", f"-Dexec.args={servers}"],
    )


@pytest.mark.parametrize(
    ("language", "programs", "report"),
    [
        ("python", _python, "26-001234"),
        ("java", _java, "26-001235"),
        ("javascript", _javascript, "26-001234"),
    ],
)
def test_a_report_filed_twice_is_shown_once(
    language: str,
    programs: Callable[[str, Path], tuple[list[object], list[object]]],
    report: str,
    servers: str,
    tmp_path: Path,
) -> None:
    _asked_for(language)
    send, read = programs(servers, tmp_path)
    _run(*send)
    _run(*send)
    shown = tmp_path / "shown"
    with shown.open("w") as out:
        reader = subprocess.Popen([str(part) for part in read], stdout=out)
    try:
        _lines(shown, lambda lines: any(report in line for line in lines))
        time.sleep(1)  # for one that it might show twice
        lines = [line for line in _lines(shown, bool) if report in line]
    finally:
        reader.terminate()
        reader.wait(SECONDS)
    assert len(lines) == 1
    assert lines[0].startswith("P1 ")
    assert "a person must look" in lines[0]
    assert "no model, by the table: Robbery" in lines[0]


def test_a_report_that_breaks_the_contract_is_not_filed(tmp_path: Path) -> None:
    wrong = tmp_path / "report.json"
    wrong.write_text(REPORT.read_text(encoding="utf-8").replace("-06:00", ""), encoding="utf-8")
    send = [sys.executable, ROOT / "examples" / "python" / "send.py", wrong, "127.0.0.1:1"]
    done = subprocess.run(send, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "breaks the contract at $.reported_at" in done.stderr
