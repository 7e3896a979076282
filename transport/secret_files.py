"""Secrets are read from files: whoever may look at a process sees its environment and its arguments."""

from pathlib import Path


class SecretFileError(ValueError):
    """A file that should hold a secret and holds none; never tells what it does hold."""


def read_secret(path: Path) -> str:
    """The file's one line. Raises `SecretFileError` when it is not one, `OSError` when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(lines) != 1 or not lines[0]:
        raise SecretFileError(f"{path} should hold a secret on one line of UTF-8, and does not")
    return lines[0]
