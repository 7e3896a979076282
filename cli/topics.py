"""The contract's topics as a broker makes them."""

from schemas.topics import all_topics
from transport.topics import TopicSpec


def topic_specs(partitions: int = 4, replication: int = 1) -> list[TopicSpec]:
    """Every topic of a deployment; `partitions` of those that carry reports, priorities and outcomes."""
    compact = {"cleanup.policy": "compact"}
    return [
        TopicSpec(topic.name, topic.partitions, replication, compact if topic.compacted else {})
        for topic in all_topics(partitions)
    ]
