"""Makes topics on a real broker. The embedded one has no admin calls: its topics are given when it is started."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewTopic

from transport.clients import LOGGER
from transport.errors import NoBroker
from transport.retry import error_of
from transport.settings import KafkaSettings, admin_properties

SECONDS: Final = 30.0
"""How long a broker may take to answer, and to know the leader of each new partition."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; `config` holds Kafka's own properties of a topic, such as `cleanup.policy`."""

    name: str
    partitions: int = 1
    replication: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def create_topics(settings: KafkaSettings, topics: Sequence[TopicSpec]) -> None:
    """Make those that are not there yet and wait until they can be written. Those that exist are left as they are.

    Raises:
        NoBroker: the broker did not answer, or refused one.
    """
    if not topics:
        return
    wanted = [
        NewTopic(topic.name, topic.partitions, replication_factor=topic.replication, config=dict(topic.config))
        for topic in topics
    ]
    with AdminClient(admin_properties(settings), logger=LOGGER) as admin:
        for name, made in admin.create_topics(wanted, operation_timeout=SECONDS, request_timeout=SECONDS).items():
            try:
                made.result()
            except KafkaException as exception:
                error = error_of(exception)
                if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise NoBroker("topic", f"{name} could not be made: {error.str()}") from exception
        _wait(admin, {topic.name for topic in topics})


def wait_for_brokers(settings: KafkaSettings, numbers: AbstractSet[int], seconds: float) -> bool:
    """True as soon as the nodes `numbers` take part in their cluster, with all of their replicas in sync; False when
    that is not so within `seconds`."""
    deadline = time.monotonic() + seconds
    with AdminClient(admin_properties(settings), logger=LOGGER) as admin:
        while time.monotonic() < deadline:
            with contextlib.suppress(KafkaException):
                known = admin.list_topics(timeout=1.0)
                if numbers <= known.brokers.keys() and all(_in_sync(topic, numbers) for topic in known.topics.values()):
                    return True
            time.sleep(0.05)
    return False


def _in_sync(topic: TopicMetadata, numbers: AbstractSet[int]) -> bool:
    partitions = topic.partitions.values()
    return all(numbers & set(each.replicas) <= set(each.isrs) and each.leader >= 0 for each in partitions)


def _wait(admin: AdminClient, names: set[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            known = admin.list_topics(timeout=SECONDS).topics
        except KafkaException as exception:
            raise NoBroker("topic", f"the broker does not answer: {error_of(exception).str()}") from exception
        if all(name in known and _led(known[name]) for name in names):
            return
        time.sleep(0.05)
    raise NoBroker("topic", f"{', '.join(sorted(names))} have no leaders after {SECONDS:.0f} s")


def _led(topic: object) -> bool:
    partitions = getattr(topic, "partitions", {})
    return bool(partitions) and all(partition.leader >= 0 for partition in partitions.values())
