"""How long the broker keeps what a topic holds, for whoever must say when a record will be gone."""

from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from transport.clients import LOGGER
from transport.settings import KafkaSettings, admin_properties
from transport.topics import SECONDS


def retention_ms(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, int | None]:
    """Milliseconds by topic, -1 for ever; None where the broker does not tell, as the embedded one never does."""
    found: dict[str, int | None] = dict.fromkeys(topics)
    if settings.embedded or not topics:
        return found
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
    with AdminClient(admin_properties(settings), logger=LOGGER) as admin:
        for resource, answer in admin.describe_configs(asked, request_timeout=SECONDS).items():
            try:
                entry = answer.result().get("retention.ms")
            except KafkaException:
                continue
            found[resource.name] = int(entry.value) if entry is not None and entry.value is not None else None
    return found
