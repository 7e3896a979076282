"""The reports' topic gets more partitions while workers read it."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.faults.city import city

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def test_reports_in_partitions_that_are_added_are_scored_once_without_a_restart(kafka: str, tmp_path: Path) -> None:
    with city(kafka, tmp_path, partitions=2) as place:
        workers = [place.worker(slot).wait() for slot in ("a", "b")]
        place.file(200)
        with AdminClient({"bootstrap.servers": kafka}) as admin:
            for made in admin.create_partitions([NewPartitions(place.topic, 5)]).values():
                made.result()
        place.file(400, seconds=2.0)
        place.assert_nothing_lost_or_doubled()
        assert [worker.close() for worker in workers] == [0, 0]
