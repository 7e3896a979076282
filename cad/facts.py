"""The published tables as distributions that a simulated city draws from."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import log
from random import Random
from typing import Final, Generic, TypeVar

from cad.tables import table

T = TypeVar("T")

SF_PRIOR: Final = 2
"""Calls added to each of SFPD's priorities A, B, C, since some of its call types have very few."""

NO_WEAPON: Final = "99"
UNHURT: Final = "N"


class Shares(Generic[T]):
    """Values with their shares; those need not add up to one."""

    __slots__ = ("_cumulative", "values")

    def __init__(self, shares: Iterable[tuple[T, float]]) -> None:
        pairs = list(shares)
        self.values = tuple(value for value, _ in pairs)
        self._cumulative = list(accumulate(share for _, share in pairs))

    def at(self, quantile: float) -> T:
        """The value at a quantile from 0 to 1, in the order in which the values were given."""
        place = bisect(self._cumulative, quantile * self._cumulative[-1])
        return self.values[min(place, len(self.values) - 1)]

    def draw(self, rng: Random) -> T:
        """A value, by its share."""
        return self.at(rng.random())


@dataclass(frozen=True, slots=True)
class CallType:
    """What a caller's words are filed under. `offences`: what it may turn out to be, from the least to the gravest."""

    name: str
    group: str
    incident_type: str
    opening: str
    calls: float
    priorities: Shares[str]
    offences: Shares[str]


@dataclass(frozen=True, slots=True)
class Circumstance:
    """A code that an officer may write: its log-odds are `base + tilt × gravity`, gravity from -1 to 1."""

    code: str
    base: float
    tilt: float


@dataclass(frozen=True, slots=True)
class Clearance:
    """Share of an offence's cases that are cleared, and of those by arrest."""

    cleared: float
    by_arrest: float


@dataclass(frozen=True, slots=True)
class FilingDelay:
    """`same_day`: share filed on the day of occurrence; `days`: quantiles (share, days) of the others' delay."""

    same_day: float
    days: tuple[tuple[float, float], ...]

    def late(self, quantile: float) -> float:
        """Days of delay at a quantile of those not filed on the same day, linear between the table's quantiles."""
        for (low, shorter), (high, longer) in zip(self.days, self.days[1:], strict=False):
            if quantile <= high:
                return shorter + (longer - shorter) * (quantile - low) / (high - low)
        return self.days[-1][1]


@dataclass(frozen=True, slots=True)
class Facts:
    """Every table. Groups are broad kinds of call: violent, domestic, theft and so on."""

    calls: tuple[CallType, ...]
    hours: Mapping[str, tuple[float, ...]]
    places: Mapping[str, Shares[str]]
    delays: Mapping[str, FilingDelay]
    circumstances: Mapping[str, tuple[Circumstance, ...]]
    weapons: Mapping[str, Shares[str]]
    injuries: Mapping[str, Shares[str]]
    clearance: Mapping[str, Clearance]

    @classmethod
    def load(cls) -> "Facts":
        """Read the tables; each file's first line names its source."""
        ladders = _shares("final_offences", "call_type", "offence")
        hours: dict[str, list[float]] = defaultdict(lambda: [0.0] * 24)
        for row in table("hours"):
            hours[row["group"]][int(row["hour"])] = float(row["share"])
        circumstances: dict[str, tuple[Circumstance, ...]] = defaultdict(tuple)
        for row in table("circumstances"):
            share = float(row["share"])
            circumstance = Circumstance(row["code"], log(share / (1 - share)), float(row["tilt"]))
            circumstances[row["group"]] += (circumstance,)
        return cls(
            calls=tuple(_call_type(row, ladders[row["call_type"]]) for row in table("call_types")),
            hours={group: tuple(shares) for group, shares in hours.items()},
            places=_shares("places", "group", "place"),
            delays={row["group"]: _delay(row) for row in table("filing_delays")},
            circumstances=dict(circumstances),
            weapons=_shares("weapons", "offence", "weapon"),
            injuries=_shares("injuries", "offence", "injury"),
            clearance={
                row["offence"]: Clearance(float(row["cleared"]), float(row["by_arrest"])) for row in table("clearance")
            },
        )


def _shares(name: str, key: str, value: str) -> dict[str, Shares[str]]:
    pairs: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in table(name):
        pairs[row[key]].append((row[value], float(row["share"])))
    return {key: Shares(shares) for key, shares in pairs.items()}


def _call_type(row: Mapping[str, str], offences: Shares[str]) -> CallType:
    return CallType(
        name=row["call_type"],
        group=row["group"],
        incident_type=row["apco"],
        opening=row["opening"],
        calls=float(row["calls"]),
        priorities=Shares((letter, int(row[letter]) + SF_PRIOR) for letter in "abc"),
        offences=offences,
    )


def _delay(row: Mapping[str, str]) -> FilingDelay:
    days = tuple((int(name[1:]) / 100, float(value)) for name, value in row.items() if name.startswith("q"))
    return FilingDelay(float(row["same_day"]), days)
