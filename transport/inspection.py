"""What a cluster tells of itself: brokers, topics and their settings, a group's members, and its clock."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from transport.clients import LOGGER
from transport.errors import NoBroker
from transport.retry import MOVING, error_of, persist
from transport.settings import KafkaSettings, admin_properties, transactional_properties
from transport.topics import TopicSpec

SECONDS: Final = 5.0
"""How long a broker may take for an answer."""


@dataclass(frozen=True, slots=True)
class Member:
    """Of a consumer group: how its client calls itself, where it runs, and how many partitions it has."""

    client_id: str
    host: str
    partitions: int


class Inspection:
    """Asks a cluster. Every question raises `TransportError` when it is refused or not answered in time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = AdminClient({**admin_properties(settings), "log_level": 0}, logger=LOGGER)

    def brokers(self) -> list[int]:
        """Their numbers."""
        return sorted(self._metadata().brokers)

    def topics(self, meant: Callable[[str], bool]) -> Mapping[str, TopicSpec]:
        """Those whose names are meant, as they are."""
        found = {name: topic for name, topic in self._metadata().topics.items() if meant(name)}
        configs = self._configs(ConfigResource(ResourceType.TOPIC, name) for name in found)
        return {
            name: TopicSpec(
                name,
                len(topic.partitions),
                min((len(one.replicas) for one in topic.partitions.values()), default=0),
                configs[name],
            )
            for name, topic in sorted(found.items())
        }

    def broker_config(self, number: int) -> Mapping[str, str]:
        """Settings of a broker by name."""
        return self._configs([ConfigResource(ResourceType.BROKER, str(number))])[str(number)]

    def members(self, group: str) -> Sequence[Member]:
        """Of a consumer group; none when there is no such group."""

        def ask() -> Any:
            return self._admin.describe_consumer_groups([group], request_timeout=SECONDS)[group].result()

        try:
            described = persist(ask, f"asking for group {group}", seconds=SECONDS, also=MOVING)
        except KafkaException as exception:
            if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return ()
            raise NoBroker("refused", f"{error_of(exception).name()} {error_of(exception).str()}") from exception
        return [
            Member(member.client_id, member.host, len(member.assignment.topic_partitions))
            for member in described.members
        ]

    def clock(self, topic: str) -> float:
        """How many seconds the broker's clock is ahead of this one, within the time that an answer takes.

        It writes a record to `topic` in a transaction that is aborted, so that nobody reads it. The topic must date
        records itself (`message.timestamp.type=LogAppendTime`).
        """
        dated: list[int] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                dated.append(message.timestamp()[1])

        settings = self._settings.for_group("severity-doctor")
        properties = {**transactional_properties(settings, 0), "delivery.report.only.error": False}
        producer = Producer({**properties, "log_level": 0, "on_delivery": delivered, "logger": LOGGER})
        try:
            producer.init_transactions(SECONDS)
            producer.begin_transaction()
            before = time.time()
            producer.produce(topic, b"", b"severity-doctor")
            producer.flush(SECONDS)
            after = time.time()
            producer.abort_transaction(SECONDS)
        except KafkaException as exception:
            raise NoBroker("clock", error_of(exception).str()) from exception
        if not dated:
            raise NoBroker("clock", f"{topic} did not take a record")
        return dated[0] / 1000 - (before + after) / 2

    def _metadata(self) -> Any:
        try:
            return self._admin.list_topics(timeout=SECONDS)
        except KafkaException as exception:
            servers = self._settings.bootstrap_servers
            raise NoBroker("unreachable", f"{servers}: {error_of(exception).str()}") from exception

    def _configs(self, resources: Iterable[ConfigResource]) -> Mapping[str, Mapping[str, str]]:
        asked = list(resources)
        answers = self._admin.describe_configs(asked, request_timeout=SECONDS) if asked else {}
        return {
            resource.name: {name: entry.value or "" for name, entry in _told(answer).items()}
            for resource, answer in answers.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.__exit__(kind, error, trace)


def _told(future: Future[Any]) -> Any:
    try:
        return future.result()
    except KafkaException as exception:
        raise NoBroker("refused", f"{error_of(exception).name()} {error_of(exception).str()}") from exception
