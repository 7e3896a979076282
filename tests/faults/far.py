"""A worker that is far from its broker: its network goes through a proxy, while tests write and read beside it."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.crew import Crew
from bench.worker import Worker, scorer
from tests.conftest import absent
from tests.faults.city import SECONDS, City, city
from tests.faults.proxy import HOST, Proxy
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka, free_ports
from transport.settings import KafkaSettings


@dataclass(frozen=True)
class Far:
    """A broker with two listeners: the near one, and one that only the proxy leads to."""

    broker: LocalKafka
    proxy: Proxy

    @property
    def settings(self) -> KafkaSettings:
        """How a worker reaches it, by the proxy."""
        return KafkaSettings(bootstrap_servers=f"{HOST}:{self.proxy.port}")


@contextmanager
def far() -> Iterator[Far]:
    """A new broker and the way to it."""
    near, listener, controller, port = free_ports(4)
    config = {
        "listeners": f"PLAINTEXT://{HOST}:{near},FAR://{HOST}:{listener},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{near},FAR://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(port, listener))
        try:
            broker = stack.enter_context(LocalKafka(port=near, config=config, heap_mb=256))
        except NoBroker as error:
            absent(f"a local Kafka: {error}")
        yield Far(broker, proxy)


@contextmanager
def staffed(far: Far, folder: Path) -> Iterator[tuple[City, Crew]]:
    """A city of its own with one worker at the far end, which is started again whenever it ends by itself."""
    with city(far.broker.bootstrap_servers, folder) as place:

        def worker(slot: str) -> Worker:
            kafka = far.settings.model_copy(update={"slot": slot})
            own = {"topics": place.topic, "group_id": place.name, "model_name": place.name}
            return scorer(kafka, place.keys, model_wait_seconds=0, **own)

        with Crew(worker, ["0"]) as crew:
            crew.wait_until_ready()
            yield place, crew


@contextmanager
def filing(place: City, count: int, seconds: float) -> Iterator[None]:
    """Reports are filed beside what the block does, evenly over so many seconds; all of them are at its end."""
    clerk = threading.Thread(target=place.file, args=(count, seconds), daemon=True)
    clerk.start()
    yield
    clerk.join(SECONDS)
    assert not clerk.is_alive()


def work_off(place: City, crew: Crew) -> None:
    """Wait until every report is answered, starting workers again that end by themselves; then have it checked."""
    crew.tend(SECONDS, lambda: place.look() >= len(place.filed))
    place.assert_nothing_lost_or_doubled()
