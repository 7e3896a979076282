"""What the tests of releases share."""

import pytest

from severity.writing import Signed
from tests.artefact.releases import Maker, maker


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """One who can make releases."""
    return maker(tmp_path_factory.mktemp("artefact"))


@pytest.fixture(scope="session")
def original(case: Maker) -> Signed:
    """A good release; tests spoil copies of it."""
    return case.release()
