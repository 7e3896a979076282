"""A worker that stands still for longer than its group waits for it, and then goes on as if nothing had happened."""

import signal
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.faults.city import city

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP"),
]

FROZEN_SECONDS: Final = 30.0
"""As in an outage: more than the session of 6 s, so that the group gives its partitions away, and than a transaction's
5 s, so that the broker ends what it left open."""

ALONE_SECONDS: Final = 10.0
"""Enough for both."""


def test_a_worker_that_wakes_as_a_zombie_publishes_nothing_that_another_has_published(
    kafka: str, tmp_path: Path
) -> None:
    with city(kafka, tmp_path) as place:
        zombie, other = place.worker("zombie"), place.worker("other")
        zombie.wait()
        other.wait()
        place.file(400, seconds=1.0)  # frozen at whatever point of a batch it is at
        zombie.process.send_signal(signal.SIGSTOP)
        try:
            place.file(400, seconds=FROZEN_SECONDS)
            place.settle()  # by the other, which has all partitions now
        finally:
            zombie.process.send_signal(signal.SIGCONT)
        place.file(400, seconds=3.0)
        place.settle()
        time.sleep(1.0)  # for what the zombie might still send
        place.assert_nothing_lost_or_doubled()
        assert other.close() == 0
        assert zombie.close() in (0, 1)  # 1: it found itself fenced, which its supervisor answers with a new one


def test_a_worker_alone_that_was_frozen_goes_on_or_is_started_again(kafka: str, tmp_path: Path) -> None:
    with city(kafka, tmp_path) as place:
        worker = place.worker()
        worker.wait()
        place.file(400, seconds=1.0)
        worker.process.send_signal(signal.SIGSTOP)
        place.file(100, seconds=ALONE_SECONDS)
        worker.process.send_signal(signal.SIGCONT)
        place.file(100, seconds=2.0)
        if worker.process.poll() is not None:
            place.worker()
        place.assert_nothing_lost_or_doubled()
