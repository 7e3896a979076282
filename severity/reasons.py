"""Why a report has its level: at most four reasons, and one number for all the rest, place and its history included."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from schemas.crime_report import CrimeReport
from schemas.priority import Reason
from severity.wording import Wording

MOST: Final = 4
LONGEST: Final = 200

CIRCUMSTANCE: Final = "circumstance"

TOLD: Final[dict[str, tuple[str, Callable[[Wording, CrimeReport], str | None]]]] = {
    "weapons": ("weapon", Wording.weapon),
    "agency_weapons": ("weapon", Wording.weapon),
    "injuries": ("injury", Wording.injury),
    "place_type": ("place-type", Wording.place_type),
    "agency_place_type": ("place-type", Wording.place_type),
    "incident_type": ("call-type", Wording.call_type),
    "agency_incident_type": ("call-type", Wording.call_type),
    "offence_code": ("offence", Wording.offence),
    "urgency": ("urgency", Wording.urgency),
    "source": ("source", Wording.source),
    "time": ("time", Wording.time),
    "filing_delay": ("filing-delay", Wording.filing_delay),
    "victims": ("victims", Wording.victims),
    "suspects": ("suspects", Wording.suspects),
}
"""Inputs of the model that may be told beside circumstances: the reason's code and its words. Any other, such as area,
district, coordinates and history, never is: it would brand a place."""


class Contribution(Protocol):
    """What one input added to a raw score; `severity.scorer.Contribution`."""

    @property
    def input(self) -> str: ...
    @property
    def value(self) -> str | float | None: ...
    @property
    def contribution(self) -> float: ...


class Told(NamedTuple):
    """Reasons, and the sum of all contributions that they do not tell; None where no model took part."""

    reasons: tuple[Reason, ...]
    other: float | None


def tell(
    contributions: Iterable[Contribution],
    report: CrimeReport,
    wording: Wording,
    *,
    material_share: float,
    first: Sequence[Reason] = (),
) -> Told:
    """The inputs that speak most for a level, after the reasons `first`.

    contributions: to the raw score of the published level, all of them. material_share: a reason is told when it is at
    least this share of all that speaks for the level. Baseline, the reasons' contributions and `other` add up to the
    raw score.
    """
    amounts: dict[tuple[str, str | None], float] = {}
    sources: dict[tuple[str, str | None], str] = {}
    for name, value, amount in ((c.input, c.value, c.contribution) for c in contributions):
        told = TOLD.get(name)
        key = (told[0], None) if told else (name, str(value) if name == CIRCUMSTANCE else None)
        amounts[key] = amounts.get(key, 0.0) + amount
        sources.setdefault(key, name)
    least = material_share * sum(amount for amount in amounts.values() if amount > 0)
    reasons = list(first)
    for key in sorted(amounts, key=lambda key: -amounts[key]):
        amount = amounts[key]
        if len(reasons) == MOST or amount <= 0 or amount < least:
            break
        code, detail = key
        if detail is not None:
            text, code = wording.circumstance(report, detail), f"{CIRCUMSTANCE}-{detail}"
        else:
            words = TOLD.get(sources[key])
            text = words[1](wording, report) if words else None
        if text:
            reasons.append(Reason(code=code[:64], text=text[:LONGEST], contribution=amount))
            del amounts[key]
    return Told(tuple(reasons), sum(amounts.values()))
