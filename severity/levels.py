"""From the final offence to a severity level: the label that is learned, by a table that an agency signs off."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.solved_case import Offence
from severity.tables import BUILT_IN, TableError, digest, read

CUTS: Final = (4, 20, 150, 300)
"""Harm days (days of sentence, Cambridge Crime Harm Index) up to which a level reaches; level 5 lies above the last."""

NIBRS: Final = "nibrs"
FAMILY: Final = "*"
"""Ends a code that stands for all codes which begin like it; the longest that fits holds."""

GRAVEST: Final = len(CUTS) + 1


def level_of_days(days: float) -> int:
    """Severity level 1 to 5 of an offence with so many harm days; a cut belongs to the level below it."""
    return bisect_left(CUTS, days) + 1


@dataclass(frozen=True, slots=True)
class LevelTable:
    """Levels of NIBRS codes, and by agency those of its own codes. `digest` is the version: SHA-256 of the files."""

    nibrs: Mapping[str, int]
    by_agency: Mapping[str, Mapping[str, int]]
    digest: str

    @classmethod
    def load(cls, folder: Path | None = None) -> "LevelTable":
        """Read `nibrs.csv` and one `<agency_id>.csv` an agency from `folder`, or the built-in ones.

        Columns code, offence, harm_days, level; more are allowed. A code that ends in `*` stands for all that begin
        like it and have no row of their own; the longest one holds. `TableError` when a level is not the one of its
        harm days, or a code stands twice.
        """
        paths = sorted((folder or BUILT_IN / "levels").glob("*.csv"))
        tables = {path.stem: _levels(path) for path in paths}
        if NIBRS not in tables:
            raise TableError(f"{folder}: there is no {NIBRS}.csv")
        return cls(tables.pop(NIBRS), tables, digest(paths))

    def level(self, offences: Sequence[Offence], agency_id: str) -> int | None:
        """Level of the gravest offence. An agency's own code counts before the NIBRS code beside it.

        None when there is no offence, or when one has no level in the tables: it might be the gravest. Only beside an
        offence of level 5 that does not matter.
        """
        own = self.by_agency.get(agency_id, {})
        levels = [_level(own, o.agency_code) or _level(self.nibrs, o.nibrs_code) for o in offences]
        known = [level for level in levels if level is not None]
        if not known or (len(known) < len(levels) and max(known) < GRAVEST):
            return None
        return max(known)


def _level(levels: Mapping[str, int], code: str | None) -> int | None:
    """Level of a code by its own row, else by that of the longest family that it belongs to."""
    if not code or code in levels:
        return levels.get(code or "")
    families = (code[:length] + FAMILY for length in range(len(code), 0, -1))
    return next((levels[family] for family in families if family in levels), None)


def _levels(path: Path) -> dict[str, int]:
    levels: dict[str, int] = {}
    for row in read(path, ("code", "offence", "harm_days", "level")):
        code, days = row["code"], row["harm_days"]
        try:
            level = level_of_days(float(days))
        except ValueError:
            raise TableError(f"{path}: harm_days of {code} is {days!r}, not a number") from None
        if row["level"] != str(level):
            raise TableError(f"{path}: {code} has level {row['level']!r}, but {days} harm days are level {level}")
        if code in levels:
            raise TableError(f"{path}: {code} stands twice")
        levels[code] = level
    return levels
