"""What can go wrong in transport, in few classes: each has a reason code and a detail that says what to do.

`where` is what is told of an error of others, which a record may have caused.
"""


class TransportError(Exception):
    """`reason` is a short code for counters and exit messages, `detail` is for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class LoopFailed(TransportError):
    """The loop cannot go on with these clients.

    `passing`: new ones may, once the broker is back, and the loop opens them. Else end the process with a non-zero code
    and let its supervisor start it again.
    """

    def __init__(self, reason: str, detail: str, *, passing: bool = False) -> None:
        super().__init__(reason, detail)
        self.passing = passing


class StopWorker(TransportError):
    """Raised by a handler for a fault of our own (no policy, no settings): the worker stops, no record is blamed."""


class NotDelivered(TransportError):
    """The broker did not take what was sent."""


class NoBroker(TransportError):
    """A broker could not be started or reached."""


class Aborted(TransportError):
    """A batch was not published and the place to read was set back: reading gives its records again."""


class TooLarge(TransportError):
    """Nothing of a batch was published since one of its messages is larger than the broker takes."""


def where(error: BaseException) -> str:
    """The kind of an error and the place that raised it, never its text, which may hold what a record says."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
