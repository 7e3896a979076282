"""A real Apache Kafka for tests: the one that is named, else one of our own, else a skip that says why."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import absent
from transport.errors import NoBroker
from transport.local_kafka import LocalKafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers: `KAFKA_BOOTSTRAP_SERVERS`, else a local broker where Java 17 and Maven can be had."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(LocalKafka())
        except NoBroker as error:
            absent(f"a real Kafka: {error} (or set KAFKA_BOOTSTRAP_SERVERS)")
        yield broker.bootstrap_servers
