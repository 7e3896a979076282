"""The watchdog, in processes of its own."""

import signal
import subprocess
import sys
import time

import pytest

STUCK = """
import time
from transport.watchdog import Watchdog

def leave():
    print("left", flush=True)

def stuck_in_here():
    print("begun", flush=True)
    time.sleep(60)

with Watchdog({seconds}, leave) as watchdog:
    {then}
print("ended by itself")
"""


def start(then: str, seconds: float = 0.5) -> "subprocess.Popen[str]":
    program = STUCK.format(then=then, seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_stuck_process_ends_says_where_it_was_and_lets_others_go_on() -> None:
    with start("stuck_in_here()") as process:
        out, err = process.communicate()
    assert process.returncode == 1
    assert "stuck_in_here" in err
    assert out.splitlines() == ["begun", "left"]


def test_a_process_that_cannot_even_leave_ends_all_the_same() -> None:
    with start("watchdog._leave = lambda: time.sleep(60); stuck_in_here()") as process:
        process.communicate()
    assert process.returncode == 1


def test_a_process_that_is_fed_is_left_alone_and_one_that_rests_too() -> None:
    with start("[(watchdog.feed(), time.sleep(0.1)) for _ in range(20)]") as process:
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, "ended by itself\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process and let it go on")
def test_a_process_that_was_stopped_is_not_taken_for_one_that_hangs() -> None:
    with start("(print('begun', flush=True), time.sleep(1.0))", seconds=2) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, "ended by itself\n")
