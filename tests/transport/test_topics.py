"""Making topics on a real broker."""

import pytest

from tests.transport.places import KafkaPlace
from transport.errors import NoBroker
from transport.reader import Reader
from transport.topics import TopicSpec, create_topics

pytestmark = pytest.mark.kafka


def test_topics_are_made_as_asked_and_those_that_exist_are_left_alone(real: KafkaPlace) -> None:
    name = real.name("made")
    create_topics(real.settings, [TopicSpec(name, 3, config={"cleanup.policy": "compact"})])
    create_topics(real.settings, [TopicSpec(name, 5), TopicSpec(real.name("other"))])
    with Reader(real.settings, [name]) as reader:
        assert [reader.watermarks(name, partition) for partition in range(3)] == [(0, 0)] * 3


def test_a_topic_that_the_broker_refuses_is_named(real: KafkaPlace) -> None:
    with pytest.raises(NoBroker, match="no/such/name"):
        create_topics(real.settings, [TopicSpec("no/such/name")])
