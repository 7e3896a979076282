"""Cases on the clock: reports in order of filing, compressed in time or paced, corrections and outcomes after them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count, groupby, islice

from cad.city import Case
from cad.outcomes import RecordsOffice
from schemas.audit_request import AuditRequest
from schemas.crime_report import CrimeReport
from schemas.solved_case import SolvedCase

DAY = timedelta(days=1)
MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Pace:
    """How the city's time becomes the clock's.

    speed: seconds of the city in one second of the clock, for the distances between reports. later: the same for what
    follows a report, corrections and outcomes. rate: reports per second, whatever their times, instead of `speed`.
    longest_wait: most seconds of the clock that a correction or an outcome comes after its report, None for no limit.
    """

    speed: float
    later: float
    rate: float | None = None
    longest_wait: float | None = None

    def wait(self, after: timedelta) -> float:
        """Seconds of the clock from a report to what follows it `after` so long in the city."""
        seconds = after.total_seconds() / self.later
        return seconds if self.longest_wait is None else min(seconds, self.longest_wait)

    def __str__(self) -> str:
        reports = f"{self.rate:g} reports a second" if self.rate else f"reports {self.speed:g} times as fast as filed"
        limit = "" if self.longest_wait is None else f", at most {self.longest_wait:g} s after the report"
        return f"{reports}; corrections and outcomes {self.later:g} times as fast{limit}"


class Replay:
    """What is due when. The caller owns the clock: seconds from the start, which never go back.

    Nothing that belongs to a report comes out before it. `counts`: what came out, by kind.
    """

    def __init__(self, cases: Iterable[Case], pace: Pace, office: RecordsOffice, *, most: int | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._pace = pace
        self._office = office
        self._filings = islice(schedule(cases, pace), most)
        self._next = next(self._filings, None)
        self._later: list[tuple[float, int, CrimeReport | SolvedCase]] = []
        self._reports_later = 0
        self._order = count()

    @property
    def filed(self) -> bool:
        """True when every report and every correction has come out."""
        return self._next is None and not self._reports_later

    @property
    def over(self) -> bool:
        """True when nothing is left to come out; an audit request may still bring something."""
        return self._next is None and not self._later

    def stop_filing(self) -> None:
        """File no further report; what follows those that were filed still comes out."""
        self._next = None

    def due(self, now: float, most: int = 1000) -> list[CrimeReport | SolvedCase]:
        """Events that are due by `now`, in order, at most `most`; what is left over comes out the next time."""
        events: list[CrimeReport | SolvedCase] = []
        while len(events) < most:
            filing = self._next[0] if self._next else float("inf")
            later = self._later[0][0] if self._later else float("inf")
            if min(filing, later) > now:
                break
            if later < filing:
                events.append(self._follow())
            else:
                events.append(self._file(now))
            self.counts[_kind(events[-1])] += 1
        return events

    def wait(self, now: float) -> float | None:
        """Seconds until something is due; None when nothing is left."""
        times = [self._next[0]] if self._next else []
        times += [self._later[0][0]] if self._later else []
        return max(min(times) - now, 0.0) if times else None

    def ask(self, request: AuditRequest, now: float) -> None:
        """Take an audit request; its answer comes out after its delay, counted from now."""
        opened = self._office.ask(request)
        if opened is not None:
            self._push(now + self._pace.wait(opened.after), opened.event)

    def _file(self, now: float) -> CrimeReport:
        assert self._next is not None  # noqa: S101 - `due` calls this only when there is a filing
        case = self._next[1]
        self._next = next(self._filings, None)
        for correction in case.corrections:
            self._push(now + self._pace.wait(correction.after), correction.report)
        first = self._office.open(case)
        for opened in (*filter(None, [first]), *self._office.revise(case, first)):
            self._push(now + self._pace.wait(opened.after), opened.event)
        return case.report

    def _follow(self) -> CrimeReport | SolvedCase:
        event = heappop(self._later)[2]
        if isinstance(event, SolvedCase):
            return self._office.number(event)
        self._reports_later -= 1
        return event

    def _push(self, at: float, event: CrimeReport | SolvedCase) -> None:
        self._reports_later += isinstance(event, CrimeReport)
        heappush(self._later, (at, next(self._order), event))


def schedule(cases: Iterable[Case], pace: Pace) -> Iterator[tuple[float, Case]]:
    """Seconds of the clock from the first report, and the case, in order of filing.

    Cases with one and the same time of filing are spread evenly over the time since the one before, a month at most,
    and the first ones over a day: a published file may tell no more than the day or the month.
    """
    if pace.rate is not None:
        yield from ((number / pace.rate, case) for number, case in enumerate(cases))
        return
    started = previous = None
    for filed, group in groupby(cases, key=lambda case: case.report.reported_at):
        together = list(group)
        gap = DAY if previous is None else min(filed - previous, MONTH)
        previous = filed
        begin = filed - gap * (len(together) - 1) / len(together)
        started = started or begin
        for place, case in enumerate(together):
            at = begin + gap * place / len(together)
            yield (at - started).total_seconds() / pace.speed, case


def _kind(event: CrimeReport | SolvedCase) -> str:
    if isinstance(event, SolvedCase):
        return "audit_answers" if event.audit else "outcomes"
    if event.status != "Actual":
        return "drills"
    return "reports" if event.revision == 1 else "corrections"
