"""Two workers that were given one slot by mistake."""

from pathlib import Path

import pytest

from tests.faults.city import city

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def test_the_newer_worker_of_a_slot_fences_the_older_which_ends_with_an_error_and_nothing_is_doubled(
    kafka: str, tmp_path: Path
) -> None:
    with city(kafka, tmp_path) as place:
        older = place.worker()
        older.wait()
        place.file(200)
        place.settle()
        newer = place.worker()
        while older.process.poll() is None and newer.process.poll() is None:
            place.file(20, seconds=0.2)
        assert newer.process.poll() is None, "the newer one has ended"
        assert older.close() == 1
        assert any("fenced" in line for line in older.lines)
        place.assert_nothing_lost_or_doubled()
        assert newer.close() == 0
