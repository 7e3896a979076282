"""The contract's topics as a broker makes them."""

from schemas.topics import all_topics
from transport.topics import TopicSpec


def topic_specs() -> list[TopicSpec]:
    """Every topic of a deployment on one broker."""
    compact = {"cleanup.policy": "compact"}
    return [
        TopicSpec(topic.name, partitions=topic.partitions, config=compact if topic.compacted else {})
        for topic in all_topics()
    ]
