"""The watchdog, in processes of its own."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import signal, threading, time
from transport.watchdog import Watchdog

class Loop:
    made = 0

    def __init__(self):
        Loop.made += 1
        self.number, self.stopping = Loop.made, False
        print("made", self.number, flush=True)

    def stuck_in_here(self):
        time.sleep(60)

    def work(self, until=lambda self: self.stopping, seconds=60):
        began = time.monotonic()
        while not until(self) and time.monotonic() - began < seconds:
            watchdog.feed()
            time.sleep(0.05)

    def run(self):
        {run}
        print("ended", self.number, flush=True)

    def stop(self):
        self.stopping = True

    def leave(self):
        {leave}
        print("left", self.number, flush=True)

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
watchdog = Watchdog({seconds}, Loop, stopped, lambda: print("left behind", flush=True))
watchdog.run()
print("done")
"""


def start(run: str, leave: str = "pass", seconds: float = 0.5) -> "subprocess.Popen[str]":
    program = PROGRAM.format(run=run, leave=leave, seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_stuck_loop_says_where_it_is_lets_others_go_on_and_another_takes_its_place() -> None:
    with start("self.stuck_in_here() if self.number == 1 else self.work(seconds=0.5)") as process:
        out, err = process.communicate()
    assert (process.returncode, out.split("\n")[:-1]) == (
        0,
        ["made 1", "left 1", "left behind", "made 2", "ended 2", "done"],
    )
    assert "stuck_in_here" in err


def test_a_loop_that_cannot_even_leave_is_left_behind_all_the_same() -> None:
    with start("self.stuck_in_here() if self.number == 1 else None", leave="time.sleep(60)") as process:
        out, _ = process.communicate()
    assert (process.returncode, out.split("\n")[-2]) == (0, "done")


def test_loops_that_are_stuck_again_and_again_end_the_process() -> None:
    with start("self.stuck_in_here()") as process:
        out, err = process.communicate()
    assert process.returncode == 1
    assert out.count("made") == 3
    assert err.count("stuck (") == 3


def test_a_loop_that_is_left_behind_is_told_to_stop_should_it_ever_go_on() -> None:
    run = "self.work(seconds=0.2), time.sleep(2), self.work(), print('stopped', self.number)"
    with start(f"({run}) if self.number == 1 else self.work(seconds=4)") as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    assert "stopped 1" in out


def test_a_loop_that_is_fed_is_left_alone_and_what_it_raises_comes_out() -> None:
    with start("self.work(seconds=2); raise ValueError('out it came')") as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, "made 1\n")
    assert "out it came" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process could answer")
def test_a_process_that_is_asked_to_end_stops_its_loop() -> None:
    with start("self.work()", seconds=5) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made 1\n"
        process.terminate()
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, "ended 1\ndone\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process and let it go on")
def test_a_process_that_was_stopped_is_not_taken_for_one_that_hangs() -> None:
    with start("time.sleep(1.0)", seconds=2) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made 1\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, "ended 1\ndone\n")
