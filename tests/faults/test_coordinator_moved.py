"""Three brokers, of which the one is killed that coordinates the group, or a worker's transactions."""

import threading
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient

from bench.crew import Crew
from tests.conftest import absent
from tests.faults.city import SECONDS, city
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(280)]

BROKERS: Final = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalKafka]:
    """Three brokers that may be hurt."""
    try:
        with LocalKafka(brokers=BROKERS, heap_mb=256) as made:
            yield made
    except NoBroker as error:
        absent(f"a local Kafka: {error}")


def coordinator(bootstrap_servers: str, topic: str, name: str) -> int:
    """Place in the cluster of the node that coordinates `name`: the leader of its partition of the internal `topic`,
    which Kafka finds by Java's hash of the name."""
    unsigned = reduce(lambda value, letter: (31 * value + ord(letter)) & 0xFFFFFFFF, name, 0)
    size = min(unsigned, 2**32 - unsigned)  # of Java's signed int
    with AdminClient({"bootstrap.servers": bootstrap_servers}) as admin:
        partitions = admin.list_topics(topic, timeout=30).topics[topic].partitions
    return int(partitions[size % len(partitions)].leader) - 1


@pytest.mark.parametrize("of", ["__consumer_offsets", "__transaction_state"])
def test_nothing_is_lost_or_doubled_when_the_coordinator_is_killed_and_another_broker_takes_over(
    cluster: LocalKafka, tmp_path: Path, of: str
) -> None:
    servers = cluster.bootstrap_servers
    with city(servers, tmp_path, replication=BROKERS) as place, Crew(place.worker, ["a", "b"]) as crew:
        crew.wait_until_ready()
        place.file(100)
        place.settle()
        victim = coordinator(servers, of, place.name if of == "__consumer_offsets" else f"{place.name}-a-0")
        filing = threading.Thread(target=place.file, args=(1000, 8.0))
        filing.start()
        crew.tend(1.0)
        cluster.kill(victim)
        crew.tend(SECONDS, lambda: not filing.is_alive() and place.look() >= len(place.filed))
        assert not filing.is_alive()
        place.assert_nothing_lost_or_doubled()  # with two brokers of three
        assert {one.code for one in crew.exits} <= {1}  # a client that hangs is ended, and started again
        assert set(crew.close()) == {0}
        cluster.start(victim)
