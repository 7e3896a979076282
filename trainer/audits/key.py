"""The trainer's secret: it draws the audits, and tells erased reports without naming them."""

import os
import secrets
from pathlib import Path
from typing import Final

from trainer.dataset.dataset import is_url
from transport.secret_files import read_secret

FILE: Final = "audit.key"


class NoAuditKey(ValueError):
    """A dataset in an object store without a secret."""


def secret(file: Path | None, dataset: str | Path) -> bytes:
    """The one in `file`, else the one kept in the dataset's folder, made at the first use.

    Raises `NoAuditKey` when there is no file and the dataset lies in an object store, where it would lie open.
    """
    if file is not None:
        return read_secret(file).encode()
    if is_url(dataset):
        raise NoAuditKey("a dataset in an object store needs SEVERITY_TRAINER__AUDIT_KEY_FILE, with a secret of yours")
    return kept_key(Path(dataset, FILE))


def kept_key(path: Path) -> bytes:
    """The key in the file `path`, which is made, for its owner's eyes alone, when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Read and write for the owner from the start, so that the key is never readable by others.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key := secrets.token_bytes(32))
    return key
