"""Runs a program that must not outlive who started it: `python -m transport.guard LOG PROGRAM ARGUMENT ...`.

Prints the program's process id, sends its output to the file LOG, and ends it when standard input is closed, which the
system does for a parent however that died. Ends with the program's own exit code.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 10.0
"""How long the program may take to end by itself before it is killed."""


def main(log: str, *command: str) -> int:
    """Run `command` until it ends or standard input does."""
    # Ctrl-C reaches the whole terminal's group; the parent decides what ends, and when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(log).open("ab") as output:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    print(program.pid, flush=True)
    threading.Thread(target=_end_with_parent, args=(program,), daemon=True).start()
    return program.wait()


def _end_with_parent(program: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock this thread would still hold when the interpreter ends
        pass
    program.terminate()
    try:
        program.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
