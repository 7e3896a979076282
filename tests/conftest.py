"""Fixtures that several packages' tests share."""

import os

# scikit-learn's threads spin against busy neighbours: on two cores the suite is several times slower with them. Set
# before anything imports numpy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

settings.register_profile("severity", deadline=None)
settings.load_profile("severity")


def absent(reason: str) -> NoReturn:
    """Skip with the reason; in CI what a test needs must be there, so fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _path(variable: str, name: str, what: str) -> Path:
    folder = os.environ.get(variable)
    if folder is None:
        absent(f"{what}: set {variable} to the folder that holds {name}")
    path = Path(folder, name)
    if not path.exists():
        absent(f"{what}: {variable} names a folder without {name}")
    return path


@pytest.fixture(scope="session")
def lapd_file() -> Path:
    """LAPD 2023 Q1, recovered."""
    return _path("SEVERITY_TEST_DATA", "lapd_2023q1_recovered.csv.gz", "LAPD's open data")


@pytest.fixture(scope="session")
def stlouis_file() -> Path:
    """St. Louis 2008 to 2019, joined."""
    return _path("SEVERITY_TEST_DATA", "stlouis_2008_2019.parquet", "St. Louis' open data")


@pytest.fixture(scope="session")
def lapd_levels() -> Path:
    """The public table of LAPD's offence codes with harm days and severity level."""
    return _path("SEVERITY_TEST_CODES", "lapd_offence_severity.csv", "the public code tables")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Apache Kafka, one for all tests: `KAFKA_BOOTSTRAP_SERVERS`, else a broker of our own
    where Java 17 and Maven can be had, else one in Docker; else the tests skip with the reason."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    with ExitStack() as stack:
        try:
            servers = stack.enter_context(LocalKafka()).bootstrap_servers
        except NoBroker as error:
            servers = _in_docker(stack, f"a real Kafka: {error} (or set KAFKA_BOOTSTRAP_SERVERS)")
        yield servers


def _in_docker(stack: ExitStack, why: str) -> str:
    if shutil.which("docker") is None:
        absent(why)
    from docker.errors import DockerException
    from testcontainers.community.kafka import KafkaContainer

    try:
        return stack.enter_context(KafkaContainer().with_kraft()).get_bootstrap_server()
    except DockerException as error:
        absent(f"{why}; Docker: {error}")
