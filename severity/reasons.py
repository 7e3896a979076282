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


class Theme(NamedTuple):
    """What one reason is about: several inputs of the model may be told as one, and each circumstance by itself."""

    code: str  # the reason's
    circumstance: str | None = None  # the agency's code


_amount = itemgetter(1)


def theme_of(name: str, value: object) -> Theme:
    """The theme of an input of the model, or of one of its values."""
    if name == CIRCUMSTANCE:
        return Theme(f"{CIRCUMSTANCE}-{value}"[:LONGEST_CODE], str(value))
    return Theme(CODES.get(name, name))


def may_be_told(theme: Theme) -> bool:
    """Whether there may be words for it."""
    return theme.circumstance is not None or theme.code in WORDS


class Contribution(Protocol):
    """What one input added to a raw score; `severity.scorer.Contribution`."""

    @property
    def input(self) -> str: ...
    @property
    def value(self) -> str | float | None: ...
    @property
    def contribution(self) -> float: ...


class Leading(NamedTuple):
    """What led to a raw score: the material themes that may be told, the largest first, and the sum over all."""

    themes: Sequence[tuple[Theme, float]]
    total: float


def leading(contributions: Iterable[Contribution], material: Material) -> Leading:
    """The plain definition, of all contributions to one raw score."""
    amounts: dict[Theme, float] = {}
    for part in contributions:
        theme = theme_of(part.input, part.value)
        amounts[theme] = amounts.get(theme, 0.0) + part.contribution
    in_favour = sorted((item for item in amounts.items() if item[1] > 0), key=_amount, reverse=True)
    least = material.least(sum(map(_amount, in_favour)))
    told = [(theme, amount) for theme, amount in in_favour if amount >= least and may_be_told(theme)]
    return Leading(told, sum(amounts.values()))


class Told(NamedTuple):
    """Reasons, and the sum of all contributions that they do not tell; None where no model took part."""

    reasons: tuple[Reason, ...]
    other: float | None


def tell(led: Leading, report: CrimeReport, wording: Wording, first: Sequence[Reason] = ()) -> Told:
    """The themes that speak most for a level, after the reasons `first`.

    led: to the raw score of the published level. Baseline, the reasons' contributions and `other` add up to it.
    """
    reasons, other = list(first), led.total
    for theme, amount in led.themes:
        if len(reasons) == MOST:
            break
        code, circumstance = theme
        text = WORDS[code](wording, report) if circumstance is None else wording.circumstance(report, circumstance)
        if text:
            reasons.append(Reason.trusted({"code": code, "text": text[:LONGEST_TEXT], "contribution": amount}))
            other -= amount
    return Told(tuple(reasons), other)
