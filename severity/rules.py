"""Rules from tables that a lawyer can read: floors, which only raise, and the fallback, which always answers.

A report shows *signs* (`signs.csv`). What it does not say shows none: unknown is not no. Each sign is one bit, so that
a rule is one comparison: a report's floor takes 3 to 5 µs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, get_args

from schemas.codes import INCIDENT_TYPES
from schemas.crime_report import CrimeReport, Flags, Urgency
from severity.levels import LevelTable
from severity.tables import BUILT_IN, TableError, digest, read
from severity.urgency import urgency_of

KINDS: Final = ("offence", "call", "weapon", "injury", "urgency", "flag", "circumstance")
UNKNOWN_URGENCY: Final = "unknown"
LONGEST: Final = 100
LONGEST_RULE: Final = 64
ALTERNATIVES: Final[Mapping[str, frozenset[str]]] = {
    "call": frozenset(INCIDENT_TYPES),
    "urgency": frozenset(get_args(Urgency)) | {UNKNOWN_URGENCY},
    "flag": frozenset(Flags.model_fields),
}
"""Codes of the kinds in which an unknown one must be a slip of the pen: such a rule would never hold."""


KEPT: Final = 4096
"""Combinations of signs whose floor is remembered."""


class Floor(NamedTuple):
    """The least severity `level` that `rule` allows, and its plain words."""

    level: int
    rule: str
    text: str


class Fallback(NamedTuple):
    """The severity `level` where no model takes part, the row that gave it, and its plain words."""

    level: int
    rule: str
    text: str


Bits = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Signs:
    """Which signs (bits) each code shows."""

    bits: Bits
    by_kind: Mapping[str, Bits]
    circumstances: Mapping[str, Bits]

    @classmethod
    def load(cls, path: Path) -> "Signs":
        """Read `signs.csv`. `TableError` for an unknown kind, or a code that the kind cannot have."""
        bits: dict[str, int] = {}
        by_kind: dict[str, dict[str, int]] = {kind: defaultdict(int) for kind in KINDS}
        circumstances: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in read(path, ("sign", "kind", "agency", "codes")):
            sign, kind, agency = row["sign"], row["kind"], row["agency"]
            if kind not in KINDS or bool(agency) != (kind == "circumstance"):
                raise TableError(f"{path}: {sign}: a kind is one of {', '.join(KINDS)}; circumstances name an agency")
            bit = bits.setdefault(sign, 1 << len(bits))
            codes = circumstances[agency] if agency else by_kind[kind]
            for code in row["codes"].split():
                if code not in ALTERNATIVES.get(kind, {code}):
                    raise TableError(f"{path}: {sign}: there is no {kind} {code!r}")
                codes[code] |= bit
        return cls(
            bits,
            {kind: dict(codes) for kind, codes in by_kind.items()},
            {agency: dict(codes) for agency, codes in circumstances.items()},
        )

    def need(self, when: str, path: Path) -> int:
        """The bits of signs joined by `+`; none for an empty text."""
        names = [name.strip() for name in when.split("+") if name.strip()]
        if unknown := [name for name in names if name not in self.bits]:
            raise TableError(f"{path}: signs.csv has no sign {', '.join(unknown)}")
        return sum({self.bits[name] for name in names})

    def shown(self, report: CrimeReport) -> int:
        """The bits of all signs that a report shows."""
        kinds = self.by_kind
        shown = kinds["urgency"].get(urgency_of(report) or UNKNOWN_URGENCY, 0)
        shown |= kinds["offence"].get(report.offence_code or "", 0)
        shown |= kinds["call"].get(report.incident_type or "", 0)
        flags = report.flags
        for name, bits in kinds["flag"].items():
            if getattr(flags, name):
                shown |= bits
        shown |= _all(kinds["weapon"], report.weapons) | _all(kinds["injury"], report.injuries)
        own = self.circumstances.get(report.agency_id)
        return shown | _all(own, report.circumstances) if own else shown


@dataclass(frozen=True, slots=True)
class Rules:
    """Floors, gravest first, and the fallback. `version` is made from the tables' contents."""

    signs: Signs
    floors: tuple[tuple[int, Floor], ...]
    offences: Mapping[str, Fallback]
    calls: Mapping[str, Fallback]
    fallbacks: tuple[tuple[int, Fallback], ...]
    defaults: tuple[tuple[int, Fallback], ...]
    version: str
    _floor: Callable[[int], Floor | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_floor", lru_cache(KEPT)(self._find_floor))

    @classmethod
    def load(cls, folder: Path | None = None) -> "Rules":
        """Read `rules/{signs,floors,fallback}.csv` and `levels/nibrs.csv` from a folder, or the built-in ones.

        `TableError` when a table contradicts itself, or the fallback would not answer every report.
        """
        folder = folder or BUILT_IN
        paths = [folder / "rules" / f"{name}.csv" for name in ("signs", "floors", "fallback")]
        signs = Signs.load(paths[0])
        floors: dict[str, tuple[int, Floor]] = {}
        for row in read(paths[1], ("rule", "least_level", "when", "words", "why")):
            need = signs.need(row["when"], paths[1])
            if row["rule"] in floors or not need or not 0 < len(row["rule"]) <= LONGEST_RULE:
                wrong = f"stands twice, needs no sign, or has not 1 to {LONGEST_RULE} letters"
                raise TableError(f"{paths[1]}: rule {row['rule']!r} {wrong}")
            floors[row["rule"]] = (
                need,
                Floor(_level(row["least_level"], paths[1]), row["rule"], _words(row["words"], paths[1])),
            )
        rows: dict[str, list[tuple[str, Fallback]]] = {"call": [], "sign": [], "default": []}
        for row in read(paths[2], ("kind", "code", "level", "words")):
            kind, code = row["kind"], row["code"]
            if kind not in rows or (kind == "call" and code not in INCIDENT_TYPES):
                raise TableError(f"{paths[2]}: there is no {kind} {code!r}")
            rows[kind].append(
                (
                    code,
                    Fallback(
                        _level(row["level"], paths[2]), f"{kind}: {code or 'none'}", _words(row["words"], paths[2])
                    ),
                )
            )
        defaults = tuple((signs.need(code, paths[2]), fallback) for code, fallback in rows["default"])
        if not defaults or defaults[-1][0]:
            raise TableError(f"{paths[2]}: the last default must need no sign, so that there is always an answer")
        levels = LevelTable.load(folder / "levels")
        return cls(
            signs,
            tuple(sorted(floors.values(), key=lambda item: -item[1].level)),
            {
                code: Fallback(level, f"offence: {code}", f"opened as offence {code}")
                for code, level in levels.nibrs.items()
            },
            dict(rows["call"]),
            tuple((signs.need(code, paths[2]), fallback) for code, fallback in rows["sign"]),
            defaults,
            digest([*paths, folder / "levels" / "nibrs.csv"])[:12],
        )

    def floor(self, report: CrimeReport) -> Floor | None:
        """The highest floor that holds for a report; None when none does."""
        return self._floor(self.signs.shown(report))

    def _find_floor(self, shown: int) -> Floor | None:
        for need, floor in self.floors:
            if shown & need == need:
                return floor
        return None

    def fallback(self, report: CrimeReport) -> Fallback:
        """The gravest level that opening offence, call type and signs give; floors are not in it."""
        shown = self.signs.shown(report)
        known = self.offences.get(report.offence_code or ""), self.calls.get(report.incident_type or "")
        found = [fallback for fallback in known if fallback is not None]
        found += [fallback for need, fallback in self.fallbacks if shown & need == need]
        if not found:
            found = [fallback for need, fallback in self.defaults if shown & need == need][:1]
        return max(found, key=lambda fallback: fallback.level)


def _all(bits: Bits, codes: Iterable[str]) -> int:
    shown = 0
    for code in codes:
        shown |= bits.get(code, 0)
    return shown


def _level(text: str, path: Path) -> int:
    if text not in {"1", "2", "3", "4", "5"}:
        raise TableError(f"{path}: {text!r} is not a level, 1 to 5")
    return int(text)


def _words(text: str, path: Path) -> str:
    if not 0 < len(text) <= LONGEST:
        raise TableError(f"{path}: the words {text!r:.60} must have 1 to {LONGEST} letters: a dispatcher reads them")
    return text
