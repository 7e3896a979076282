"""The watchdog, in processes of its own."""

import subprocess
import sys

STUCK = """
import time
from transport.watchdog import Watchdog
def stuck_in_here():
    time.sleep(60)
watchdog = Watchdog(0.3)
watchdog.feed()
{then}
"""


def run(then: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", STUCK.format(then=then)], capture_output=True, text=True, check=False)


def test_a_stuck_process_ends_and_says_where_it_was() -> None:
    done = run("stuck_in_here()")
    assert done.returncode == 1
    assert "stuck_in_here" in done.stderr


def test_a_process_that_rests_is_left_alone() -> None:
    done = run("watchdog.rest(); time.sleep(0.6)")
    assert done.returncode == 0
