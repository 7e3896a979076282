"""What can go wrong in the scorer itself: each has a reason code for counters and a detail for people."""


class ScorerError(Exception):
    """`reason`: a short code; `detail`: what was wrong, where, and what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ReleaseRefused(ScorerError):
    """A release is not used; the one before it scores on."""


class HighWaterUnreadable(ScorerError):
    """The state file is there and cannot be read: a person has to look, since guessing would let old releases in."""
