"""The trainer's secret: it draws the audits, and tells erased reports without naming them."""

import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from trainer.dataset.dataset import is_url

FILE: Final = "audit.key"


class NoAuditKey(ValueError):
    """A dataset in an object store without a secret."""


def secret(given: SecretStr | None, dataset: str | Path) -> bytes:
    """The one that was given, else the one kept in the dataset's folder, made at the first use.

    Raises `NoAuditKey` when none was given and the dataset lies in an object store, where it would lie open.
    """
    if given is not None:
        return given.get_secret_value().encode()
    if is_url(dataset):
        raise NoAuditKey("a dataset in an object store needs SEVERITY_TRAINER__AUDIT_KEY, a secret of your own choice")
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
