"""Kafka Streams' jars, which are no part of the install."""

from importlib.resources import files
from pathlib import Path

from bench.peers.missing import Missing
from transport.errors import NoBroker
from transport.kafka_jars import jars


def streams_jars() -> Path:
    """The folder that holds exactly the listed jars. Raises `Missing`."""
    try:
        return jars("kafka-streams", "kafka-streams", files("bench.peers") / "kafka_streams.sha256")
    except NoBroker as error:
        raise Missing(error.detail) from error
