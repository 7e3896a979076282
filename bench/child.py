"""A process that serves this one's requests, so that neither waits for the other's interpreter."""

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final, Self

END_SECONDS: Final = 5.0


class ChildFailed(RuntimeError):
    """What went wrong in the child, with its own trace."""


class Child:
    """Runs `serve(connection, *arguments)` until `close`; `serve` receives requests in a loop and sends answers.

    It ends with this process, however that ends: its next look for a request then finds the connection closed.
    """

    def __init__(self, serve: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(serve, theirs, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, request: object) -> None:
        """Send a request."""
        self._connection.send(request)

    def answer(self) -> Any:
        """Wait for the next answer. Raises `ChildFailed`."""
        try:
            answer = self._connection.recv()
        except EOFError:
            raise ChildFailed(f"it ended by itself, exit code {self._process.exitcode}") from None
        if isinstance(answer, ChildFailed):
            raise answer
        return answer

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._process.join(END_SECONDS)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.terminate()
        self.close()


def _run(serve: Callable[..., None], connection: Connection, arguments: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the connection
    try:
        serve(connection, *arguments)
    except EOFError:
        pass
    except Exception:  # whatever it is, the other process says it and ends
        connection.send(ChildFailed(traceback.format_exc()))
