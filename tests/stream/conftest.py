"""What the scorer's tests share."""

from collections.abc import Iterator

import pytest

from schemas import topics
from tests.stream.releases import Trainer, train
from transport.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A trainer with one small fitted model; every test writes releases of its own."""
    return train(tmp_path_factory.mktemp("trainer"))


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker with every topic."""
    with EmbeddedBroker({topic.name: topic.partitions for topic in topics.all_topics()}) as broker:
        yield broker
