"""Circumstance codes that name a trait of a person or group: never a model input (`tables/trait_circumstances.csv`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from severity import tables

TABLE: Final = tables.BUILT_IN / "trait_circumstances.csv"
ACTIONS: Final = ("drop", "merge", "keep")


def load_traits(path: Path = TABLE) -> Mapping[str, Mapping[str, str]]:
    """What to see instead of a code, by agency and code: "" where there is nothing. A code not listed passes.

    The table names every code that was looked at, what was decided (`drop`, `merge` with `into`, `keep`) and why.
    Raises `tables.TableError` for an unknown action or a merge into nothing.
    """
    agencies: dict[str, dict[str, str]] = {}
    for row in tables.read(path, ("agency_id", "code", "action", "into")):
        if row["action"] not in ACTIONS or (row["action"] == "merge") != bool(row["into"]):
            raise tables.TableError(
                f"{path}: code {row['code']} has action {row['action']!r} into {row['into']!r}: "
                f"use one of {', '.join(ACTIONS)}, and name a code to merge into for merge alone"
            )
        if row["action"] != "keep":
            agencies.setdefault(row["agency_id"], {})[row["code"]] = row["into"]
    return agencies
