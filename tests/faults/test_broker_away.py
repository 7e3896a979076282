"""The only broker goes away under load, in order, and comes back.

Killed brokers are in `test_coordinator_moved`, on three. One node alone that is killed may forget, when it comes back,
to end transactions that were under way, and its readers of committed messages then wait for ever: Apache Kafka 4.3.1
takes a partition that has no leader for the moment for one that is deleted.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.crew import Crew
from tests.conftest import absent
from tests.faults.city import SECONDS, city
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]

AWAY_SECONDS: Final = 3.0
REOPENED_SECONDS: Final = 8.0
"""After which a worker tries with new clients."""


@pytest.fixture
def own() -> Iterator[LocalKafka]:
    """A broker that may be hurt."""
    try:
        with LocalKafka(heap_mb=256) as broker:
            yield broker
    except NoBroker as error:
        absent(f"a local Kafka: {error}")


def test_nothing_is_lost_or_doubled_when_the_broker_is_away_for_a_while(own: LocalKafka, tmp_path: Path) -> None:
    with city(own.bootstrap_servers, tmp_path) as place, Crew(place.worker, ["a", "b"]) as crew:
        crew.wait_until_ready()
        filing = threading.Thread(target=place.file, args=(1000, 5.0))
        filing.start()
        crew.tend(1.0)
        own.stop()
        crew.tend(AWAY_SECONDS)
        own.start()
        filing.join()
        crew.tend(SECONDS, lambda: place.look() >= len(place.filed))
        place.assert_nothing_lost_or_doubled()
        assert {one.code for one in crew.exits} <= {1}  # a client that hangs is ended, and started again
        own.stop()
        crew.tend(REOPENED_SECONDS)
        assert set(crew.close()) == {0}, "asked to end while the broker is away, a worker ends"
