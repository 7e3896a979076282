"""The only broker goes away under load and comes back, in order or killed."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.crew import Crew
from tests.conftest import absent
from tests.faults.city import SECONDS, City, city
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]


@pytest.fixture(scope="module")
def own() -> Iterator[LocalKafka]:
    """A broker that may be hurt."""
    try:
        with LocalKafka(heap_mb=256) as broker:
            yield broker
    except NoBroker as error:
        absent(f"a local Kafka: {error}")


def filed_meanwhile(place: City, count: int, seconds: float, what: Callable[[], None]) -> None:
    """Do something to the broker, reports being filed before, while and after."""
    filing = threading.Thread(target=place.file, args=(count, seconds))
    filing.start()
    what()
    filing.join()


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_nothing_is_lost_or_doubled_when_the_broker_is_away_and_workers_are_supervised(
    own: LocalKafka, tmp_path: Path, way: str
) -> None:
    with city(own.bootstrap_servers, tmp_path) as place, Crew(place.worker, ["a", "b"]) as crew:
        crew.wait_until_ready()

        def away() -> None:
            crew.tend(1.0)
            own.stop() if way == "stopped" else own.kill()
            crew.tend(3.0)
            own.start()

        filed_meanwhile(place, 1000, 5.0, away)
        crew.tend(SECONDS, lambda: place.look() >= len(place.filed))
        place.assert_nothing_lost_or_doubled()
        assert set(crew.close()) == {0}
