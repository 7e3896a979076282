"""Published facts as small CSV tables; each file's first line names its source."""

import csv
from importlib.resources import files


def table(name: str) -> list[dict[str, str]]:
    """Rows of `cad/tables/<name>.csv`, without its source line."""
    lines = files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def source(name: str) -> str:
    """Where the facts of `cad/tables/<name>.csv` come from, as its first line says."""
    first = files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    return first.removeprefix("# source:").strip()
