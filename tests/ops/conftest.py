"""What tests of operations share."""

from collections.abc import Iterator

import pytest

from cli.topics import topic_specs
from tests.conftest import absent
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka


@pytest.fixture
def own() -> Iterator[LocalKafka]:
    """A broker that may be hurt."""
    try:
        with LocalKafka(topics=topic_specs(partitions=1), heap_mb=256) as broker:
            yield broker
    except NoBroker as error:
        absent(f"a local Kafka: {error}")
