"""Rivertown, a city that does not exist: an endless, seeded stream of cases in order of filing.

Call types, hours, places, weapons, filing delays and clearance follow published tables (`cad/tables`, each with its
source). What a call turns out to be is drawn here, from what the report says and from what it does not; some reports
are wrong at first and corrected later.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from random import Random
from typing import Final

from cad.city import Case, Correction, Levels, Outcome
from cad.facts import NO_WEAPON, UNHURT, CallType, Facts
from cad.incident import Incident, clears, draw_incident
from schemas.crime_report import CrimeReport, Flags, Location
from schemas.solved_case import CaseStatus, Offence

AGENCY: Final = "rivertown"

AREAS: Final = ("Harbor", "Old Town", "Northgate", "Mill Hill", "Westfield", "Lakeside")
CALLS: Final = (22, 26, 15, 13, 12, 12)
ROUGHNESS: Final = (0.6, 0.9, 0.1, -0.2, -0.6, -0.8)
"""Areas with their shares of the calls and how grave things tend to be there. The city is a grid of 3 by 2 areas of 16
districts each."""

SOUTH_WEST: Final = (40.110, -88.290)
DISTRICT_SIDE: Final = (0.009, 0.0118)
"""Corner of the grid and side of a district (about 1 km), in degrees of latitude and longitude: open farmland."""

UNFOUNDED: Final = 0.005
"""Share of reports withdrawn later: St. Louis Metropolitan Police 2008-2019, 3,169 of 644,056."""

DRILLS: Final = 0.003
MISFILED: Final = 0.14
SILENT: Final = 0.45
UNSEEN: Final = 0.25
CORRECTED: Final = 0.2
RECOUNTED: Final = 0.02
"""Shares of drills, of calls taken for another type, of reports without any circumstances, of weapons and injuries that
the first report misses, of first reports that are put right later, and of those whose number of victims is corrected.
Assumptions of this simulation."""

PRIORITIES: Final = {"a": "P1", "b": "P3", "c": "P4"}
"""SFPD's dispatch priorities A, B and C on the default scheme."""

MIX_AFTER_DRIFT: Final = {"fraud": 3.0, "theft": 0.5, "burglary": 0.6, "sexual": 1.5}
REPLICAS_AFTER_DRIFT: Final = 0.35
"""The drift: other groups of calls grow or shrink by these factors, and so often is a handgun in a minor violent
incident a replica, so that a handgun no longer means what it did."""

NIBRS_ELSEWHERE: Final = "25"


class SimulatedCity:
    """Cases without end, the same for the same arguments. Iterating begins anew.

    start: when the stream begins; its offset from UTC is the city's. per_day: reports a day on average. drift_after:
    number of reports after which the drift begins, None for never. prefix: put before every report number, so that two
    runs on one broker do not share identities. levels: gives each outcome its level.
    """

    def __init__(
        self,
        seed: int,
        start: datetime,
        *,
        per_day: float = 600.0,
        drift_after: int | None = None,
        prefix: str = "",
        levels: Levels | None = None,
    ) -> None:
        self.name = AGENCY
        self._seed = seed
        self._start = start.astimezone(timezone(start.utcoffset() or timedelta()))
        self._per_day = per_day
        self._drift_after = drift_after
        self._prefix = prefix
        self._levels = levels

    def __iter__(self) -> Iterator[Case]:
        rng = Random(self._seed)  # noqa: S311 - a simulation, not a secret
        facts = Facts.load()
        steady = _Calls(facts, {})
        drifted = _Calls(facts, MIX_AFTER_DRIFT)
        filed = self._start
        number = 0
        while True:
            number += 1
            drift = self._drift_after is not None and number > self._drift_after
            calls = drifted if drift else steady
            filed += timedelta(days=rng.expovariate(self._per_day * 24 * calls.share_of_hour(filed.hour)))
            area = rng.choices(range(len(AREAS)), CALLS)[0]
            call = calls.draw(rng, filed.hour)
            replicas = REPLICAS_AFTER_DRIFT if drift else 0.0
            incident = draw_incident(rng, facts, call, filed, area, ROUGHNESS[area], replicas)
            taken_for = calls.draw(rng, filed.hour) if rng.random() < MISFILED else call
            yield self._case(rng, facts, f"{self._prefix}{number:07d}", incident, taken_for)

    def _case(self, rng: Random, facts: Facts, report_id: str, incident: Incident, taken_for: CallType) -> Case:
        first, corrections = _first_report(rng, _report(rng, report_id, incident), taken_for)
        cleared, by_arrest = clears(rng, facts, incident)
        unfounded = not cleared and rng.random() < UNFOUNDED
        status: CaseStatus = "UNFOUNDED" if unfounded else "INACTIVE"
        if cleared:
            status = "CLEARED BY ARREST" if by_arrest else "CLEARED BY EXCEPTIONAL MEANS"
        offences = () if unfounded else (Offence(nibrs_code=incident.offence),)
        level = self._levels.level(offences, AGENCY) if self._levels else None
        return Case(first, Outcome(offences, status, cleared, unfounded, level), corrections)


class _Calls:
    """The mix of call types by hour of the day; `factors` change the share of a group."""

    def __init__(self, facts: Facts, factors: dict[str, float]) -> None:
        self._types = facts.calls
        self._by_hour = [
            list(accumulate(t.calls * factors.get(t.group, 1.0) * facts.hours[t.group][hour] for t in facts.calls))
            for hour in range(24)
        ]
        self._all_day = sum(cumulative[-1] for cumulative in self._by_hour)

    def share_of_hour(self, hour: int) -> float:
        """Share of a day's calls that come within the hour."""
        return self._by_hour[hour][-1] / self._all_day

    def draw(self, rng: Random, hour: int) -> CallType:
        return rng.choices(self._types, cum_weights=self._by_hour[hour])[0]


def _report(rng: Random, report_id: str, incident: Incident) -> CrimeReport:
    """All that an officer who saw everything would write: no word of the final offence."""
    call = incident.call
    drill = rng.random() < DRILLS
    return CrimeReport(
        agency_id=AGENCY,
        report_id=report_id,
        status=rng.choice(("Exercise", "Test")) if drill else "Actual",
        reported_at=incident.filed.replace(microsecond=0),
        occurred_from=incident.occurred.replace(microsecond=0),
        source=incident.source,
        urgency=incident.urgency,
        incident_type=call.incident_type,
        agency_incident_type=call.name,
        offence_code=call.opening if rng.random() < 0.6 else None,
        initial_priority=PRIORITIES[call.priorities.draw(rng)] if rng.random() < 0.2 else None,
        location=_location(rng, incident),
        weapons=() if incident.weapon == NO_WEAPON else (incident.weapon,),
        injuries=() if incident.injury == UNHURT else (incident.injury,),
        victims=incident.victims if rng.random() < 0.9 else None,
        suspects=incident.suspects if rng.random() < 0.6 else None,
        circumstances=() if rng.random() < SILENT else incident.circumstances,
        flags=_flags(rng, incident),
    )


def _first_report(
    rng: Random, complete: CrimeReport, taken_for: CallType
) -> tuple[CrimeReport, tuple[Correction, ...]]:
    """The report as first filed, which may miss something or be filed as another type, and its correction if any."""
    wrong: dict[str, object] = {}
    if complete.agency_incident_type != taken_for.name:
        opening = taken_for.opening if complete.offence_code else None
        wrong |= {
            "agency_incident_type": taken_for.name,
            "incident_type": taken_for.incident_type,
            "offence_code": opening,
        }
    if complete.weapons and rng.random() < UNSEEN:
        wrong["weapons"] = ()
    if complete.injuries and rng.random() < UNSEEN:
        wrong["injuries"] = ()
    corrected = rng.random() < CORRECTED
    if not wrong and complete.victims and rng.random() < RECOUNTED:
        wrong["victims"] = complete.victims + 1
        corrected = True
    if not wrong or not corrected:
        return complete.model_copy(update=wrong), ()
    after = timedelta(hours=min(rng.lognormvariate(1.5, 1.0), 14 * 24))
    correction = Correction(after, complete.model_copy(update={"revision": 2}))
    return complete.model_copy(update=wrong), (correction,)


def _location(rng: Random, incident: Incident) -> Location:
    row, column = divmod(rng.randrange(16), 4)
    south = SOUTH_WEST[0] + DISTRICT_SIDE[0] * (4 * (incident.area // 3) + row)
    west = SOUTH_WEST[1] + DISTRICT_SIDE[1] * (4 * (incident.area % 3) + column)
    located = rng.random() < 0.97
    return Location(
        latitude=round(south + DISTRICT_SIDE[0] * rng.random(), 4) if located else None,
        longitude=round(west + DISTRICT_SIDE[1] * rng.random(), 4) if located else None,
        area=AREAS[incident.area],
        district=f"{incident.area + 1}{row + 1}{column + 1}",
        place_type=None if incident.place == NIBRS_ELSEWHERE else incident.place,
    )


def _flags(rng: Random, incident: Incident) -> Flags:
    """What a call-taker learnt by asking; many questions are never asked, and stay unknown."""
    group, call = incident.call.group, incident.call.name

    def told(truth: bool, asked: float) -> bool | None:
        return truth if rng.random() < asked else None

    personal = group in ("violent", "domestic", "sexual")
    on_scene = incident.urgency == "in-progress" and rng.random() < 0.75
    child = rng.random() < (0.6 if call == "CHILD OR ELDER ABUSE" else 0.04 if personal else 0)
    protected = call == "ORDER VIOLATION" or (group == "domestic" and rng.random() < 0.08)
    strangled = "STRANGLED" in incident.circumstances
    return Flags(
        child=told(child, 0.9 if child else 0.4 if personal else 0),
        domestic=told(group == "domestic", 0.95 if group == "domestic" else 0.5 if personal else 0),
        protective_order=told(protected, 0.8 if protected else 0.4 if group == "domestic" else 0),
        strangulation=told(strangled, 0.9 if strangled else 0.3 if group == "domestic" else 0),
        sexual=told(True, 0.8) if group == "sexual" and incident.gravity > -1 else None,
        vulnerable_person=told(rng.random() < 0.06, 0.5 if personal else 0.1),
        suspect_present=told(on_scene, 0.85),
    )
