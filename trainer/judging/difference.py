"""How many reports would change their level between two releases, over all and by group. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.crime_report import CrimeReport

GROUPS: Final = ("area", "place type", "source")
"""Kinds of groups that are told apart."""

UNKNOWN: Final = "unknown"

GRAVEST: Final = 5


@dataclass(slots=True)
class Changed:
    """Of `reports` so many would get a higher or a lower level; so many would come to level 5 or leave it."""

    reports: int = 0
    up: int = 0
    down: int = 0
    to_gravest: int = 0
    from_gravest: int = 0

    @property
    def changed(self) -> int:
        """Reports with another level."""
        return self.up + self.down

    @property
    def share(self) -> float:
        """Part of the reports with another level; 0 of none."""
        return self.changed / self.reports if self.reports else 0.0

    def add(self, before: int, after: int) -> None:
        """Count one report."""
        self.reports += 1
        self.up += after > before
        self.down += after < before
        self.to_gravest += before < GRAVEST <= after
        self.from_gravest += after < GRAVEST <= before


@dataclass(frozen=True, slots=True)
class Difference:
    """`groups`: by kind of group and its name, the largest group first. `moves`: (from, to) → reports."""

    total: Changed
    groups: Mapping[str, Mapping[str, Changed]]
    moves: Mapping[tuple[int, int], int]


def difference(reports: Sequence[CrimeReport], before: Sequence[int], after: Sequence[int]) -> Difference:
    """Compare the levels of n reports by two releases."""
    total = Changed()
    groups: dict[str, dict[str, Changed]] = {kind: defaultdict(Changed) for kind in GROUPS}
    moves: dict[tuple[int, int], int] = defaultdict(int)
    for report, old, new in zip(reports, before, after, strict=True):
        total.add(old, new)
        if old != new:
            moves[old, new] += 1
        for kind, name in zip(GROUPS, _groups(report), strict=True):
            groups[kind][name].add(old, new)
    ordered = {
        kind: dict(sorted(found.items(), key=lambda item: (-item[1].reports, item[0])))
        for kind, found in groups.items()
    }
    return Difference(total, ordered, dict(sorted(moves.items())))


def _groups(report: CrimeReport) -> tuple[str, str, str]:
    place = report.location
    area = f"{report.agency_id}/{place.area}" if place.area else UNKNOWN
    return area, place.place_type or place.agency_place_type or UNKNOWN, report.source or UNKNOWN
