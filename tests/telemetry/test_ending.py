"""Promise: what is asked to end has ended in time, and what belongs to a process goes with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from telemetry import ending
from telemetry.ending import WITH_PARENT

SECONDS: Final = 20.0
"""For what takes a fraction of one."""

SERVICE: Final = """
import sys, threading, time
from telemetry import ending

ending.ENDING_SECONDS = float(sys.argv[1])
stop = threading.Event()
with ending.ended_by_signals(stop, lambda: print(*["undone"] * int(sys.argv[3]), file=sys.stderr)):
    print("ready", flush=True)
    stop.wait()
    time.sleep(float(sys.argv[2]))  # as clients do whose broker does not answer
"""
"""After how many seconds to cut it off, how many it takes to end, and how much it then has to say."""

CHILD: Final = """
import sys, time
from telemetry.ending import WITH_PARENT, die_with_parent

if WITH_PARENT in sys.argv:
    die_with_parent()
print("at work", flush=True)
time.sleep(60)  # its work, which ends earlier only with the process
"""

PARENT: Final = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process on Windows cannot be sent SIGTERM")


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    command: Sequence[str] = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(cut_off_after: float, takes: float, words: int = 1) -> tuple[int, float, subprocess.Popen[str]]:
    """Ask such a service to end; its exit code, after how many seconds, and the process, whose log nobody read."""
    service = started(SERVICE, str(cut_off_after), str(takes), str(words))
    assert service.stdout is not None
    assert service.stdout.readline() == "ready\n"
    began = time.monotonic()
    service.send_signal(signal.SIGTERM)
    return service.wait(SECONDS), time.monotonic() - began, service


def test_the_limit_leaves_a_supervisors_ten_seconds_time_for_the_last_words() -> None:
    assert ending.ENDING_SECONDS + ending.LAST_WORDS_SECONDS < 10


def test_one_that_ends_in_time_is_not_cut_off() -> None:
    code, _, service = end(cut_off_after=SECONDS, takes=0.2)
    assert (code, service.communicate()[1]) == (0, "")


def test_one_that_hangs_is_cut_off_and_says_what_is_undone() -> None:
    code, took, service = end(cut_off_after=0.5, takes=60)
    assert (code, service.communicate()[1]) == (1, "undone\n")
    assert took >= 0.5


def test_it_is_cut_off_too_when_nobody_reads_its_log() -> None:
    code, _, service = end(cut_off_after=0.5, takes=60, words=1_000_000)
    assert code == 1
    service.communicate()


@pytest.mark.parametrize("bound", [True, False])
def test_a_child_that_is_bound_dies_with_its_parent_however_that_dies(bound: bool) -> None:
    parent = started(PARENT, CHILD, *([WITH_PARENT] if bound else []))
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(SECONDS)
    deadline = time.monotonic() + (SECONDS if bound else 1.0)
    while (lives := is_alive(child)) and time.monotonic() < deadline:
        time.sleep(0.05)  # it is not our child, so its end cannot be waited for
    if lives:
        os.kill(child, signal.SIGKILL)
    assert lives is not bound
    parent.communicate()


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended; one whose parent is gone may stay as a zombie in a container."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    told = Path(f"/proc/{pid}/stat")
    return not told.exists() or told.read_text().rpartition(") ")[2][0] != "Z"
