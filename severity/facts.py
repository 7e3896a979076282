"""The gate: what of a crime report a model may see, and in which form.

A report becomes tokens ("weapons:12", "circumstance:lapd/0344") and numbers. Only what is named here passes: flags,
initial priority, identity and unknown fields do not, nor do circumstances that name a trait of a person or group. An
agency's own codes carry its name, so that two agencies' codes are never taken for one another.
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, NamedTuple, get_args

from schemas.crime_report import CrimeReport
from severity.traits import load_traits

Information = Literal["call", "details", "report"]
"""What is known: at the first second of a call; with weapon, injury, delay and counts; with the officer's writing."""

INFORMATION: Final[tuple[Information, ...]] = get_args(Information)

NUMBERS: Final = (
    "time:minute",  # of the day, local
    "time:weekday",  # Monday is 0
    "time:day_of_month",  # the first is often a placeholder
    "coordinates:latitude",  # degrees
    "coordinates:longitude",
    "filing_delay:days",  # calendar days between occurrence and report
    "filing_delay:hours",
    "victims:count",
    "suspects:count",
    "circumstances:count",
)
"""The numbers of a report: the input each belongs to, and what it is. Unknown is NaN."""

NAN: Final = float("nan")
PLACEHOLDERS: Final = frozenset({1, 720})  # minutes of the day that stand for "unknown": 00:01 and 12:00
HOUR: Final = timedelta(hours=1)
DELAYS: Final = (1, 2, 4, 8, 31, 91, 366)  # days at which a delay's bucket starts
COUNTED: Final = 8  # counts beyond are one token


class Facts(NamedTuple):
    """What passed. Tokens read `<input>:<value>` or `<input>:<agency>/<code>`; "-" is "none said"."""

    core: list[str]  # what happened: each is also seen together with each other
    side: list[str]  # when and where: each is also seen together with each of `core`
    single: list[str]  # seen alone
    numbers: tuple[float, ...]  # as in NUMBERS
    day: int  # of filing, proleptic Gregorian ordinal in the report's own offset


@dataclass(frozen=True, slots=True)
class Gate:
    """Turns reports into facts under one information set."""

    information: Information = "report"
    traits: Mapping[str, Mapping[str, str]] = field(default_factory=load_traits)

    def __post_init__(self) -> None:
        if self.information not in INFORMATION:
            raise ValueError(f"information is {self.information!r}, not one of {', '.join(INFORMATION)}")

    def facts(self, report: CrimeReport) -> Facts:
        """The facts of one report."""
        agency, location, occurred, filed = report.agency_id, report.location, report.occurred_from, report.reported_at
        core: list[str] = []
        single: list[str] = []
        _kind(core, single, "place_type", agency, location.place_type, location.agency_place_type)
        _kind(core, single, "incident_type", agency, report.incident_type, report.agency_incident_type)
        if report.urgency:
            core.append(f"urgency:{report.urgency}")
        if report.source:
            core.append(f"source:{report.source}")
        side = [f"area:{agency}/{location.area or '-'}"]
        if location.district:
            single.append(f"district:{agency}/{location.district}")
        minute = weekday = day_of_month = days = hours = victims = suspects = circumstances = NAN
        day = filed.toordinal()
        if occurred is not None:
            hour, weekday, day_of_month = occurred.hour, occurred.weekday(), occurred.day
            minute = hour * 60 + occurred.minute
            side.append(f"time:{hour // 4}")
            single.append("time:weekend" if weekday >= 5 else "time:weekday")
            if minute in PLACEHOLDERS:
                single.append(f"time:placeholder {minute}")
        if self.information != "call":
            if occurred is not None:
                hours = max((filed - occurred) / HOUR, 0.0)
                days = max(day - occurred.toordinal(), 0)
                side.append(f"filing_delay:{bisect(DELAYS, days)}")
            _several(core, single, "weapons", agency, report.weapons, report.agency_weapons)
            if report.injuries:
                core += [f"injuries:{code}" for code in report.injuries]
            if report.offence_code:
                core.append(f"offence_code:{report.offence_code}")
            if report.victims is not None:
                victims = report.victims
                core.append(f"victims:{min(victims, COUNTED)}")
            if report.suspects is not None:
                suspects = report.suspects
                core.append(f"suspects:{min(suspects, COUNTED)}")
        if self.information == "report":
            codes = self._permitted(agency, report.circumstances)
            circumstances = len(codes)
            single.append(f"circumstances:{min(circumstances, COUNTED)}")
            if codes:
                own = f"circumstance:{agency}/"
                core += [own + code for code in codes]
                # The order written tells what the officer found most telling.
                single += (f"first_circumstance:{agency}/{codes[0]}", f"last_circumstance:{agency}/{codes[-1]}")
            else:
                core.append("circumstance:-")
        latitude, longitude = location.latitude, location.longitude
        numbers = (
            minute,
            weekday,
            day_of_month,
            NAN if latitude is None else latitude,
            NAN if longitude is None else longitude,
            days,
            hours,
            victims,
            suspects,
            circumstances,
        )
        return Facts(core, side, single, numbers, day)

    def _permitted(self, agency: str, codes: Sequence[str]) -> Sequence[str]:
        instead = self.traits.get(agency)
        if instead and not instead.keys().isdisjoint(codes):
            codes = [seen for code in codes if (seen := instead.get(code, code))]
        return _once(codes)


def _kind(core: list[str], single: list[str], name: str, agency: str, common: str | None, own: str | None) -> None:
    """The agency's own code goes to `core` where there is one, being the finer; the common one beside it."""
    if own:
        core.append(f"agency_{name}:{agency}/{own}")
        if common:
            single.append(f"{name}:{common}")
    elif common:
        core.append(f"{name}:{common}")


def _several(
    core: list[str], single: list[str], name: str, agency: str, common: tuple[str, ...], own: tuple[str, ...]
) -> None:
    if own:
        core += [f"agency_{name}:{agency}/{code}" for code in _once(own)]
        single += [f"{name}:{code}" for code in _once(common)]
    elif common:
        core += [f"{name}:{code}" for code in _once(common)]
    else:
        core.append(f"{name}:-")


def _once(codes: Sequence[str]) -> Sequence[str]:
    """Each code once, in the order of its first place."""
    return codes if len(codes) < 2 else [*dict.fromkeys(codes)]
