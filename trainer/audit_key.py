"""The secret of the audit draw, when nobody gave one: made once and kept, so that every start draws the same."""

import os
import secrets
from pathlib import Path


def kept_key(path: Path) -> bytes:
    """The key in the file `path`, which is made, for its owner's eyes alone, when absent."""
    try:
        # Read and write for the owner from the start, so that the key is never readable by others.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key := secrets.token_bytes(32))
    return key
