"""Fixtures that several packages' tests share."""

import os

# scikit-learn's threads spin against busy neighbours: on two cores the suite is several times slower with them. Set
# before anything imports numpy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

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
def lapd_levels() -> Path:
    """The public table of LAPD's offence codes with harm days and severity level."""
    return _path("SEVERITY_TEST_CODES", "lapd_offence_severity.csv", "the public code tables")
