"""Why a report has its level: at most four reasons, and one number for all the rest, place and its history included."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from schemas.crime_report import CrimeReport
from schemas.priority import Reason
from severity.policy import Material
from severity.wording import Wording

MOST: Final = 4
LONGEST_TEXT: Final = 200
LONGEST_CODE: Final = 64

CIRCUMSTANCE: Final = "circumstance"

WORDS: Final[Mapping[str, Callable[[Wording, CrimeReport], str | None]]] = {
    "weapon": Wording.weapon,
    "injury": Wording.injury,
    "place-type": Wording.place_type,
    "call-type": Wording.call_type,
    "offence": Wording.offence,
    "urgency": Wording.urgency,
    "source": Wording.source,
    "time": Wording.time,
    "filing-delay": Wording.filing_delay,
    "victims": Wording.victims,
    "suspects": Wording.suspects,
}
"""What may be told beside circumstances, by the reason's code. All else, such as area, district, coordinates and
history, never is: it would brand a place."""

CODES: Final[Mapping[str, str]] = {
    "weapons": "weapon",
    "agency_weapons": "weapon",
    "injuries": "injury",
    "place_type": "place-type",
    "agency_place_type": "place-type",
    "incident_type": "call-type",
    "agency_incident_type": "call-type",
    "offence_code": "offence",
    "filing_delay": "filing-delay",
}
"""The reason's code for an input of the model that has another name, or shares its reason with a second one."""


class Circumstance(NamedTuple):
    """One of the agency's circumstance codes; each is a reason of its own."""

    code: str


_amount = itemgetter(1)


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
    material: Material,
    first: Sequence[Reason] = (),
) -> Told:
    """The inputs that speak most for a level, after the reasons `first`.

    contributions: to the raw score of the published level, all of them. Baseline, the reasons' contributions and
    `other` add up to it.
    """
    amounts: dict[str | Circumstance, float] = {}
    for part in contributions:
        name = part.input
        key = Circumstance(str(part.value)) if name == CIRCUMSTANCE else CODES.get(name, name)
        amounts[key] = amounts.get(key, 0.0) + part.contribution
    in_favour = sorted((item for item in amounts.items() if item[1] > 0), key=_amount, reverse=True)
    least = material.least(sum(map(_amount, in_favour)))
    reasons = list(first)
    for key, amount in in_favour:
        if len(reasons) == MOST or amount < least:
            break
        if isinstance(key, Circumstance):
            text, code = wording.circumstance(report, key.code), f"{CIRCUMSTANCE}-{key.code}"[:LONGEST_CODE]
        else:
            text, code = WORDS[key](wording, report) if key in WORDS else None, key
        if text:
            reasons.append(Reason(code=code, text=text[:LONGEST_TEXT], contribution=amount))
            del amounts[key]
    return Told(tuple(reasons), sum(amounts.values()))
