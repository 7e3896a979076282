"""Tables that an agency reads, changes and signs off: CSV files whose lines starting with `#` are remarks, and TOML."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

BUILT_IN: Final = Path(__file__).parent


class TableError(ValueError):
    """A table that cannot be used: the message names file, line and what to change."""


Row = dict[str, str]


def read(path: Path, columns: Iterable[str]) -> list[Row]:
    """Rows of a UTF-8 CSV file that has at least `columns`; `TableError` when one is missing or a row has others."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        if missing := set(columns) - set(rows.fieldnames or ()):
            raise TableError(f"{path}: there is no column {', '.join(sorted(missing))}")
        result = []
        for number, row in enumerate(rows, start=1):
            if None in row or None in row.values():
                raise TableError(f"{path}: row {number} has not as many cells as the header: quote commas")
            result.append({name: cell.strip() for name, cell in row.items()})
    return result


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' contents with line ends as `\\n`, in the order given: the tables' version."""
    whole = hashlib.sha256()
    for path in paths:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()
