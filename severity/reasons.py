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


Theme = str | Circumstance
"""What one reason is about: several inputs of the model may be told as one."""


_amount = itemgetter(1)


def theme_of(name: str, value: object) -> Theme:
    """The theme of an input of the model, or of one of its values."""
    return Circumstance(str(value)) if name == CIRCUMSTANCE else CODES.get(name, name)


def may_be_told(theme: Theme) -> bool:
    """Whether there may be words for it."""
    return isinstance(theme, Circumstance) or theme in WORDS


class Contribution(Protocol):
    """What one input added to a raw score; `severity.scorer.Contribution`."""

    @property
    def input(self) -> str: ...
    @property
    def value(self) -> str | float | None: ...
    @property
    def contribution(self) -> float: ...


class Leading(NamedTuple):
    """What led to a raw score: themes that may be told, the largest amount first, and the sums over all themes."""

    themes: Sequence[tuple[Theme, float]]  # only those that speak for it
    in_favour: float  # sum of all that speak for it, also of those that are never told
    total: float


def leading(contributions: Iterable[Contribution]) -> Leading:
    """The plain definition, of all contributions to one raw score."""
    amounts: dict[Theme, float] = {}
    for part in contributions:
        theme = theme_of(part.input, part.value)
        amounts[theme] = amounts.get(theme, 0.0) + part.contribution
    in_favour = sorted((item for item in amounts.items() if item[1] > 0), key=_amount, reverse=True)
    told = [item for item in in_favour if may_be_told(item[0])]
    return Leading(told, sum(map(_amount, in_favour)), sum(amounts.values()))


class Told(NamedTuple):
    """Reasons, and the sum of all contributions that they do not tell; None where no model took part."""

    reasons: tuple[Reason, ...]
    other: float | None


def tell(
    led: Leading, report: CrimeReport, wording: Wording, *, material: Material, first: Sequence[Reason] = ()
) -> Told:
    """The themes that speak most for a level, after the reasons `first`.

    led: to the raw score of the published level. Baseline, the reasons' contributions and `other` add up to it.
    """
    least = material.least(led.in_favour)
    reasons, other = list(first), led.total
    for theme, amount in led.themes:
        if len(reasons) == MOST or amount < least:
            break
        if isinstance(theme, Circumstance):
            text, code = wording.circumstance(report, theme.code), f"{CIRCUMSTANCE}-{theme.code}"[:LONGEST_CODE]
        else:
            text, code = WORDS[theme](wording, report), theme
        if text:
            reasons.append(Reason.trusted(code=code, text=text[:LONGEST_TEXT], contribution=amount))
            other -= amount
    return Told(tuple(reasons), other)
