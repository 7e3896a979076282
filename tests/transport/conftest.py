"""The three places that the loop runs on, and what each can show."""

from collections.abc import Iterator

import pytest

from tests.transport.places import EmbeddedPlace, KafkaPlace, MemoryPlace, Place


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each of the three, with topics of the test's own."""
    made: Place
    if request.param == "memory":
        made = MemoryPlace()
    elif request.param == "embedded":
        made = EmbeddedPlace()
    else:
        made = KafkaPlace(request.getfixturevalue("kafka"))
    with made:
        yield made


@pytest.fixture
def real(kafka: str) -> Iterator[KafkaPlace]:
    """Real Kafka alone, for promises that nothing else can show."""
    with KafkaPlace(kafka) as made:
        yield made
