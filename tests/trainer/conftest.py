"""A real Kafka for the promises that only one can keep."""

from tests.kafka_fixture import kafka

__all__ = ["kafka"]
