"""What a report says in a dispatcher's words, from code lists: not where it happened, but in what kind of place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from schemas.codes import INCIDENT_TYPES, INJURIES, OFFENCES, PLACE_TYPES
from schemas.crime_report import CrimeReport
from severity.tables import BUILT_IN, read

NIBRS: Final = "nibrs"
NONE_SAID: Final = "-"
SMALL: Final = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
URGENCIES: Final = {"in-progress": "in progress", "just-occurred": "just occurred", "past": "not in progress any more"}
SOURCES: Final = {"caller": "a caller", "online": "an online form", "officer": "an officer", "alarm": "an alarm"}
INJURY_WORDS: Final = {code: name.lower() for code, name in INJURIES.items()} | {"N": "no injury"}
WEEKDAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

KEPT: Final = 4096
"""Combinations of codes whose words are remembered."""

Words = Mapping[str, str]
Codes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for the codes of each agency. Codes that name a trait of a person or group have none."""

    circumstances: Mapping[str, Words]
    weapons: Mapping[str, Words]
    places: Mapping[str, Words]
    _weapon: Callable[[str, Codes, Codes], str | None] = field(init=False, repr=False)
    _injury: Callable[[Codes], str | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The same few combinations come again and again, and joining their words anew is a tenth of a report's time.
        object.__setattr__(self, "_weapon", lru_cache(KEPT)(self._weapon_words))
        object.__setattr__(self, "_injury", lru_cache(KEPT)(_injury_words))

    @classmethod
    def load(cls, folder: Path | None = None) -> "Wording":
        """Read `{circumstances,weapons,places}/<agency_id>.csv` and `weapons/nibrs.csv`, or the built-in ones."""
        folder = folder or BUILT_IN
        return cls(*(_by_agency(folder / name) for name in ("circumstances", "weapons", "places")))

    def circumstance(self, report: CrimeReport, code: str) -> str | None:
        """Words for one circumstance; None when the agency's list has none for it. "-" is that none was written."""
        if code == NONE_SAID:
            return "no circumstances written"
        words = self.circumstances.get(report.agency_id)
        return f"circumstance {code}" if words is None else words.get(code)

    def weapon(self, report: CrimeReport) -> str | None:
        """The weapons, by the agency's own list where it has them."""
        return self._weapon(report.agency_id, report.agency_weapons, report.weapons)

    def _weapon_words(self, agency: str, own: Codes, common: Codes) -> str | None:
        known = _known(self.weapons.get(agency, {}), own) or _known(self.weapons[NIBRS], common)
        return _reported(known, bool(common or own), "no weapon")

    def injury(self, report: CrimeReport) -> str | None:
        """The injuries."""
        return self._injury(report.injuries)

    def place_type(self, report: CrimeReport) -> str | None:
        """What kind of place it was."""
        location = report.location
        own = self.places.get(report.agency_id, {}).get(location.agency_place_type or "")
        name = own or PLACE_TYPES.get(location.place_type or "", "").lower()
        return f"place: {name}" if name else None

    def call_type(self, report: CrimeReport) -> str | None:
        """What was called in, by the common list where it is given."""
        name = INCIDENT_TYPES.get(report.incident_type or "") or report.agency_incident_type
        return f"call: {name}" if name else None

    def offence(self, report: CrimeReport) -> str | None:
        """The opening offence."""
        name = OFFENCES.get(report.offence_code or "")
        return f"opened as: {name}" if name else None

    def urgency(self, report: CrimeReport) -> str | None:
        """In progress, just occurred, or past."""
        return URGENCIES.get(report.urgency or "")

    def source(self, report: CrimeReport) -> str | None:
        """Who or what reported it."""
        return f"reported by {SOURCES[report.source]}" if report.source else None

    def time(self, report: CrimeReport) -> str | None:
        """Weekday and clock time, as the report has them."""
        when = report.occurred_from
        return f"happened on a {WEEKDAYS[when.weekday()]}, {when.hour:02}:{when.minute:02}" if when else None

    def filing_delay(self, report: CrimeReport) -> str | None:
        """How old it was when it was reported, in calendar days."""
        if report.occurred_from is None:
            return None
        days = report.reported_at.toordinal() - report.occurred_from.toordinal()
        return "reported on the same day" if days < 1 else f"{_count(days, 'day')} old"

    def victims(self, report: CrimeReport) -> str | None:
        """How many victims."""
        return None if report.victims is None else _count(report.victims, "victim")

    def suspects(self, report: CrimeReport) -> str | None:
        """How many suspects."""
        return None if report.suspects is None else _count(report.suspects, "suspect")


def _by_agency(folder: Path) -> dict[str, dict[str, str]]:
    return {
        path.stem: {row["code"]: row["text"] for row in read(path, ("code", "text"))}
        for path in sorted(folder.glob("*.csv"))
    }


def _injury_words(codes: Codes) -> str | None:
    return _reported(_known(INJURY_WORDS, codes), bool(codes), "no injury")


def _known(words: Words, codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words[code] for code in codes if code in words))


def _reported(known: list[str], any_code: bool, none: str) -> str | None:
    if known:
        return f"{', '.join(known)} reported"
    return None if any_code else f"{none} reported"


def _count(number: int, noun: str) -> str:
    amount = SMALL[number] if number < len(SMALL) else str(number)
    return f"{amount} {noun}" if number == 1 else f"{amount} {noun}s"
