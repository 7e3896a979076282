"""The contract's topics as a broker makes them."""

from collections.abc import Sequence

from schemas.topics import all_topics
from transport.topics import TopicSpec


def topic_specs(partitions: int = 4, replication: int = 1, agencies: Sequence[str] = ()) -> list[TopicSpec]:
    """Every topic of a deployment; `partitions` of those that carry reports, priorities and outcomes.

    agencies: those that share the cluster; each has topics of its own for what it writes.
    """
    # The broker's clock says when a record came: by a writer's that is late retention would delete it too soon, and one
    # that is an hour ahead would have it refused.
    arrival = {"message.timestamp.type": "LogAppendTime"}
    compact = {"cleanup.policy": "compact"}
    return [
        TopicSpec(topic.name, topic.partitions, replication, arrival | (compact if topic.compacted else {}))
        for topic in all_topics(partitions, agencies)
    ]
