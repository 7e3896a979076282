"""What the tests of releases share."""

from dataclasses import replace
from pathlib import Path

import pytest

from severity.artefact.writing import Signed
from stream.loader import Handover
from tests.artefact.releases import Maker, maker
from tests.artefact.scene import Scene


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """One who can make releases."""
    return maker(tmp_path_factory.mktemp("artefact"))


@pytest.fixture(scope="session")
def original(case: Maker) -> Signed:
    """A good release; tests spoil copies of it."""
    return case.release()


@pytest.fixture(scope="session")
def before(case: Maker) -> tuple[Signed, Handover]:
    """Release 3, and as a scorer has it."""
    signed = case.release(release=3)
    scorer = Scene(case, case.base)
    assert scorer.announce(signed.announcement()).result == "loaded"
    return signed, scorer.offered[-1]


@pytest.fixture
def scene(case: Maker, before: tuple[Signed, Handover], tmp_path: Path) -> Scene:
    """A scorer that scores with release 3 and reads a store of its own."""
    signed, loaded = before
    made = Scene(case, tmp_path / "releases", loaded)
    case.copy(signed, made.base)
    assert made.announce(signed.announcement()).result == "loaded"
    return made


@pytest.fixture
def victim(scene: Scene, case: Maker, original: Signed) -> Signed:
    """Release 7 in that store, good until a test spoils it."""
    return replace(original, location=case.copy(original, scene.base).as_uri())
