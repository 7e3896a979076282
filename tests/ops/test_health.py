"""What /readyz tells of scorers that share one partition: the spare one is ready, too, and takes over."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import topics
from severity.artefact.keys import new_pair
from tests.stream.running import read_until, scorer
from tests.stream.test_service import file_reports
from transport.embedded import EmbeddedBroker
from transport.reader import Reader


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({topic.name: 1 for topic in topics.all_topics(1)}) as started:
        yield started


def checks(address: str) -> dict[str, str]:
    try:
        body = urllib.request.urlopen(address.replace("/metrics", "/readyz"), timeout=10).read()
    except urllib.error.HTTPError as error:
        body = error.read()
    found: dict[str, str] = json.loads(body)["checks"]
    return found


def test_a_scorer_without_a_partition_is_ready_and_takes_over(broker: EmbeddedBroker, tmp_path: Path) -> None:
    kafka = broker.settings()
    _, trusted = new_pair(tmp_path / "keys")
    with (
        scorer(kafka, trusted.parent, model_wait_seconds=0) as first,
        scorer(kafka, trusted.parent, model_wait_seconds=0) as second,
        Reader(kafka, [topics.PRIORITIES]) as responder,
    ):
        addresses = [first.ready(), second.ready()]
        for address in addresses:
            assert set(checks(address).values()) == {"ok"}
            assert set(checks(address)) == {"assigned", "model", "broker", "running"}
        file_reports(kafka, range(20))
        read_until(responder, lambda records: len(records) >= 20)
        assert first.end() == 0
        file_reports(kafka, range(20, 40))
        assert len(read_until(responder, lambda records: len(records) >= 20)) >= 20
        assert set(checks(addresses[1]).values()) == {"ok"}
        assert second.end() == 0
