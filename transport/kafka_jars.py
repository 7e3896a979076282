"""Apache Kafka's jars: fetched once by Maven, checked against a list of ours each time they are used."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from transport.errors import NoBroker

VERSION: Final = "4.3.1"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM: Final = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>severity</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>
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
    """The folder that holds exactly the broker's jars. Raises `NoBroker`, as `jars` does."""
    return jars("kafka", "kafka_2.13", files("transport") / "kafka_jars.sha256", cache)


def jars(name: str, artifact: str, listed: Traversable, cache: Path | None = None) -> Path:
    """The folder `name` that holds exactly the jars of an artifact of Kafka's: fetched where it is not there yet.

    listed: lines of a jar's SHA-256 and name, as `sha256sum` writes them. Raises `NoBroker`: no-maven, maven-failed or
    jar-mismatch.
    """
    folder = (cache or cache_folder()) / f"{name}-{VERSION}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fetched = _fetch(artifact, Path(scratch))
            _check(fetched, listed)
            try:
                fetched.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was quicker
                    raise
    _check(folder, listed)
    return folder


def _fetch(artifact: str, scratch: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker(
            "no-maven", f"Apache Maven (mvn) is needed once to fetch {artifact} {VERSION}, and is not on the PATH"
        )
    (scratch / "pom.xml").write_text(_POM.format(artifact=artifact, version=VERSION), encoding="utf-8")
    fetched = scratch / "jars"
    command = [maven, "--batch-mode", "--quiet", _PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBroker("maven-failed", (done.stdout + done.stderr)[-2000:].strip())
    return fetched


def _check(folder: Path, listed: Traversable) -> None:
    lines = listed.read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise NoBroker("jar-mismatch", f"{', '.join(wrong)} in {folder} are not what {listed.name} lists: remove it")
