"""A real Apache Kafka on this machine's loopback, of one node or several, for tests, benches and `severity kafka up`.

Needs Java 17 or newer, and Maven the first time. It ends when this process does, also when that is killed.
"""

import contextlib
import random
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from transport.errors import NoBroker
from transport.local_node import HOST, Address, Node
from transport.local_security import LocalCertificates, LocalSecurity
from transport.settings import KafkaSettings
from transport.topics import TopicSpec, create_topics, wait_for_brokers

START_SECONDS: Final = 60.0

PORTS: Final = range(15_000, 30_000)
"""Below those that Linux, macOS and Windows give to outgoing connections: else a client that looks for a broker which
is down may be given the very port that the broker comes back to."""

MOST_REPLICAS: Final = 3


class LocalKafka:
    """KRaft nodes, bound to 127.0.0.1 on free ports; `start`, `stop`, `kill` may follow each other on one folder.

    Of three nodes each partition has three replicas, of which two must have what was acknowledged, and the quorum of
    controllers is of three: any one may be killed. `nodes` are told apart by their place, from 0, in `start`, `stop`
    and `kill`, which mean all of them when none is named.

    Args:
        folder: for data and logs; a temporary one, removed at the end, when None.
        topics: made at the start, with as many replicas as the cluster can hold.
        brokers: how many nodes.
        port: where the first listens, the others on the next ones; free ones when 0.
        heap_mb: Java's heap, of each node; by default 512 for one, 384 for each of several.
        config: server properties beside or instead of those here.
        security: makes it a guarded one, which only its users may reach, by TLS.
    """

    def __init__(
        self,
        folder: Path | None = None,
        topics: Sequence[TopicSpec] = (),
        *,
        brokers: int = 1,
        port: int = 0,
        heap_mb: int | None = None,
        config: Mapping[str, str] = MappingProxyType({}),
        security: LocalSecurity | LocalCertificates | None = None,
    ) -> None:
        self._security = security
        self._temporary = tempfile.TemporaryDirectory(prefix="severity-kafka-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else Path(folder or "")
        self._replicas = min(brokers, MOST_REPLICAS)
        self._topics = [replace(topic, replication=self._replicas) for topic in topics]
        free = free_ports(3 * brokers)
        ports = [port + index for index in range(brokers)] if port else free[:brokers]
        others = zip(ports, free[brokers : 2 * brokers], free[2 * brokers :], strict=True)
        addresses = [Address(number, *each) for number, each in enumerate(others, start=1)]
        voters = ",".join(f"{each.number}@{HOST}:{each.controller_port}" for each in addresses)
        self.nodes: list[Node] = []
        for address in addresses:
            own = self.folder if brokers == 1 else self.folder / f"node-{address.number}"
            guarded = security.properties(address) if security else {}
            properties = {**_properties(own, address, voters, self._replicas), **guarded, **config}
            users = security.users() if security else ()
            self.nodes.append(Node(own, address, properties, heap_mb or (512 if brokers == 1 else 384), users))

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens: every node, also one that is down."""
        return ",".join(node.bootstrap_servers for node in self.nodes)

    def settings(self, group_id: str = "severity") -> KafkaSettings:
        """How to reach it; where it is guarded, as the user who may do everything."""
        if self._security:
            return self._security.settings(self.bootstrap_servers, group_id)
        return KafkaSettings(bootstrap_servers=self.bootstrap_servers, group_id=group_id)

    def start(self, index: int | None = None) -> None:
        """Start and wait until it listens, takes part and has its topics. Raises `NoBroker`, also when it runs."""
        nodes = self._named(index)
        try:
            for node in nodes:
                node.launch()
            self._wait(nodes)
            if index is None:
                create_topics(self.settings(), self._topics)
        except BaseException:
            self.stop(index)
            raise

    def stop(self, index: int | None = None) -> None:
        """End it in order."""
        nodes = self._named(index)
        for node in nodes:
            node.ask_to_end()
        for node in nodes:
            node.stop()

    def kill(self, index: int | None = None) -> None:
        """End it as a failing machine would; `start` goes on with what is on disk."""
        for node in self._named(index):
            node.kill()

    def _named(self, index: int | None) -> list[Node]:
        return self.nodes if index is None else [self.nodes[index]]

    def _wait(self, nodes: Sequence[Node]) -> None:
        deadline = time.monotonic() + START_SECONDS
        for node in nodes:
            while not node.listens():
                if time.monotonic() > deadline:
                    raise NoBroker("did-not-start", f"no Kafka after {START_SECONDS:.0f} s: {node.last_words()}")
                time.sleep(0.05)
        if not wait_for_brokers(self.settings(), {node.address.number for node in nodes}, START_SECONDS):
            raise NoBroker("did-not-start", f"it listens and takes no part: {nodes[0].last_words()}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._temporary is None:
            self.stop()
        else:
            self.kill()  # quicker, and nobody will read what it leaves
            self._temporary.cleanup()


_TAKING_OVER: Final = {
    # Others have a killed node's partitions before its group's members are taken for dead, after 6 s. Where it was the
    # controller another is elected first, and gives each node its time anew.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
    "controller.quorum.fetch.timeout.ms": "1000",
    "controller.quorum.election.timeout.ms": "500",
}


def _properties(folder: Path, address: Address, voters: str, replicas: int) -> dict[str, str]:
    client, controller = f"PLAINTEXT://{HOST}:{address.port}", f"CONTROLLER://{HOST}:{address.controller_port}"
    copies, in_sync = str(replicas), str(max(1, replicas - 1))
    return {
        "process.roles": "broker,controller",
        "node.id": str(address.number),
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": f"{client},{controller}",
        "advertised.listeners": client,
        "log.dirs": (folder / "data").as_posix(),
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        # Few partitions start faster.
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # A group's first member gets its partitions at once.
        "group.initial.rebalance.delay.ms": "0",
        # How often the broker looks for transactions past their timeout, which hold read_committed readers: 10 s
        # by default.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # How long a killed node keeps its partitions, and is refused when it comes back: 9 s by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        **(_TAKING_OVER if replicas > 1 else {}),
        # Of members by KIP-848, as the classic ones ask for themselves: by default nobody is dead for 45 s.
        "group.consumer.min.session.timeout.ms": "6000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.heartbeat.interval.ms": "1000",
        "group.consumer.heartbeat.interval.ms": "1000",
        "auto.create.topics.enable": "false",
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    }


def free_ports(count: int) -> list[int]:
    """So many of `PORTS` on which nobody listens now. Raises `NoBroker` when there are not enough."""
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):  # not the same ones for two that start together
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            found.append(port)
        if len(found) == count:
            return found
    raise NoBroker("did-not-start", f"no {count} free ports from {PORTS.start} to {PORTS.stop}")
