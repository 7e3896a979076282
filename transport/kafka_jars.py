"""Apache Kafka's jars: fetched once by Maven, checked against the list in this package each time they are used."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Final

from transport.errors import NoBroker

VERSION: Final = "4.3.1"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM: Final = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>severity</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""


def cache_folder() -> Path:
    """Where downloads are kept: `SEVERITY_CACHE`, else the platform's own place for caches."""
    if chosen := os.environ.get("SEVERITY_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"), "severity", "cache")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "severity"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "severity")


def kafka_jars(cache: Path | None = None) -> Path:
    """The folder that holds exactly the listed jars. Raises `NoBroker`: no-maven, maven-failed or jar-mismatch."""
    folder = (cache or cache_folder()) / f"kafka-{VERSION}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            jars = _fetch(Path(scratch))
            _check(jars)
            try:
                jars.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    _check(folder)
    return folder


def _fetch(scratch: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker(
            "no-maven", f"Apache Maven (mvn) is needed once to fetch Kafka {VERSION}, and is not on the PATH"
        )
    (scratch / "pom.xml").write_text(_POM, encoding="utf-8")
    jars = scratch / "jars"
    command = [maven, "--batch-mode", "--quiet", _PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBroker("maven-failed", (done.stdout + done.stderr)[-2000:].strip())
    return jars


def _check(jars: Path) -> None:
    lines = files("transport").joinpath("kafka_jars.sha256").read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in jars.iterdir()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise NoBroker("jar-mismatch", f"{', '.join(wrong)} in {jars} are not what kafka_jars.sha256 lists: remove it")
