"""Why a peer is not measured."""


class Missing(Exception):
    """Something optional is not to be had on this machine; the message says what, and what to do."""
