"""What really happened, as a simulated city draws it: part of it reaches the report, part no one ever writes down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final

from cad.facts import NO_WEAPON, UNHURT, CallType, Facts
from schemas.crime_report import Source, Urgency

IN_PROGRESS: Final[Mapping[str, tuple[float, float]]] = {
    "violent": (0.45, 0.3),
    "domestic": (0.5, 0.25),
    "sexual": (0.12, 0.15),
    "burglary": (0.12, 0.2),
    "theft": (0.08, 0.2),
    "shoplifting": (0.35, 0.35),
    "vehicle": (0.05, 0.15),
    "fraud": (0.03, 0.07),
    "damage": (0.15, 0.2),
    "public": (0.6, 0.2),
}
"""Of the reports filed on the day itself: shares in progress and just occurred. An assumption of this simulation."""

EVIDENCE: Final[Mapping[Urgency, float]] = {"in-progress": 0.45, "just-occurred": 0.1, "past": -0.25}
NIGHT: Final = 0.25
AREA: Final = 0.35
HIDDEN: Final = 0.75
"""How far urgency, the night (22 to 5 h), the area and what no one writes down move an incident along its call type's
offences, in standard deviations; noise fills up to 1. Assumptions of this simulation."""

STANDARD_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Incident:
    """The truth. `gravity`: where `offence` stands among its call type's, -1 the least to 1 the gravest."""

    call: CallType
    occurred: datetime
    filed: datetime
    urgency: Urgency
    source: Source
    area: int
    offence: str
    gravity: float
    known_suspect: bool
    place: str
    weapon: str
    injury: str
    victims: int
    suspects: int
    circumstances: tuple[str, ...]


def draw_incident(
    rng: Random, facts: Facts, call: CallType, filed: datetime, area: int, roughness: float, replicas: float = 0.0
) -> Incident:
    """An incident that is filed as `call` at `filed`.

    `roughness`: how grave things tend to be in the area, -1 to 1. `replicas`: share of minor violent incidents in which
    a handgun is reported that is a toy or a replica.
    """
    occurred, urgency = _when(rng, facts, call.group, filed)
    known_suspect = rng.random() < (0.8 if call.group == "domestic" else 0.35)
    night = occurred.hour >= 22 or occurred.hour < 5
    shown = EVIDENCE[urgency] + (NIGHT if night else -NIGHT / 3) + AREA * roughness
    hidden = HIDDEN * rng.gauss(0, 1) + (0.15 if known_suspect else -0.15)
    offence, gravity = _offence(call, shown + hidden + rng.gauss(0, 0.5))
    weapon = facts.weapons[offence].draw(rng) if offence in facts.weapons else NO_WEAPON
    if call.group == "violent" and gravity <= 0 and rng.random() < replicas:
        weapon = "12"
    violent = call.group in ("violent", "domestic", "sexual")
    return Incident(
        call=call,
        occurred=occurred,
        filed=filed,
        urgency=urgency,
        source=_source(rng, urgency, violent),
        area=area,
        offence=offence,
        gravity=gravity,
        known_suspect=known_suspect,
        place=facts.places[call.group].draw(rng),
        weapon=weapon,
        injury=facts.injuries[offence].draw(rng) if offence in facts.injuries else UNHURT,
        victims=1 + (rng.random() < 0.12) + (violent and gravity > 0 and rng.random() < 0.25),
        suspects=1 + int(rng.expovariate(1.6 if violent else 2.5)),
        circumstances=tuple(
            circumstance.code
            for circumstance in facts.circumstances[call.group]
            if rng.random() < 1 / (1 + exp(-circumstance.base - circumstance.tilt * gravity))
        ),
    )


def clears(rng: Random, facts: Facts, incident: Incident) -> tuple[bool, bool]:
    """Whether the case is cleared, and whether by arrest: seldom, and sooner where the suspect was known."""
    clearance = facts.clearance.get(incident.offence, facts.clearance["90Z"])
    odds = log(clearance.cleared / (1 - clearance.cleared)) + (0.7 if incident.known_suspect else -0.7)
    return rng.random() < 1 / (1 + exp(-odds)), rng.random() < clearance.by_arrest


def _when(rng: Random, facts: Facts, group: str, filed: datetime) -> tuple[datetime, Urgency]:
    delay = facts.delays[group]
    if rng.random() < delay.same_day:
        in_progress, just_occurred = IN_PROGRESS[group]
        chance = rng.random()
        if chance < in_progress:
            return filed - timedelta(minutes=rng.expovariate(1 / 4)), "in-progress"
        if chance < in_progress + just_occurred:
            return filed - timedelta(minutes=5 + rng.expovariate(1 / 20)), "just-occurred"
        return filed - timedelta(hours=1 + rng.expovariate(1 / 5)), "past"
    day = filed - timedelta(days=delay.late(rng.random()))
    hour = rng.choices(range(24), facts.hours[group])[0]
    return min(day.replace(hour=hour, minute=rng.randrange(60)), filed - timedelta(hours=1)), "past"


def _source(rng: Random, urgency: Urgency, violent: bool) -> Source:
    chance = rng.random()
    if chance < 0.12:
        return "officer"
    if urgency == "past" and not violent:
        return "online" if chance < 0.5 else "caller"
    return "alarm" if not violent and chance > 0.95 else "caller"


def _offence(call: CallType, position: float) -> tuple[str, float]:
    """The offence at a position, in standard deviations from the middle, on the ladder of the call type's offences."""
    offence = call.offences.at(STANDARD_NORMAL.cdf(position))
    last = len(call.offences.values) - 1
    return offence, 2 * call.offences.values.index(offence) / last - 1 if last else 0.0
