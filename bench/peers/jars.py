"""Kafka Streams' jars: fetched once by Maven, checked against the list in this package each time they are used."""

import hashlib
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Final

from bench.peers.missing import Missing
from transport.kafka_jars import cache_folder

VERSION: Final = "4.3.1"
_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM: Final = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>severity</groupId><artifactId>streams</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-streams</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""


def streams_jars() -> Path:
    """The folder that holds exactly the listed jars. Raises `Missing`."""
    folder = cache_folder() / f"kafka-streams-{VERSION}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            jars = _fetch(Path(scratch))
            _check(jars)
            jars.rename(folder)
    _check(folder)
    return folder


def _fetch(scratch: Path) -> Path:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("Apache Maven (mvn), needed once to fetch Kafka Streams, is not on the PATH")
    (scratch / "pom.xml").write_text(_POM, encoding="utf-8")
    jars = scratch / "jars"
    command = [maven, "--batch-mode", "--quiet", _PLUGIN, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"Maven could not fetch Kafka Streams: {(done.stdout + done.stderr)[-1000:].strip()}")
    return jars


def _check(jars: Path) -> None:
    lines = files("bench.peers").joinpath("kafka_streams.sha256").read_text(encoding="utf-8").splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in jars.iterdir()}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise Missing(f"{', '.join(wrong)} in {jars} are not what kafka_streams.sha256 lists: remove that folder")
