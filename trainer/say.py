"""What the trainer says on standard error: one JSON object a line, for people, the demo and log collectors."""

import json
import sys


def say(event: str, **fields: object) -> None:
    """One line; `event` names what happened."""
    print(json.dumps({"event": event, **fields}, default=str), file=sys.stderr, flush=True)
