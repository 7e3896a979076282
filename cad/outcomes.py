"""The records office of a city: which outcomes ever become known, when, and to whom.

No published file used here has closing dates, so delays are drawn: log-normal, by a hash of the report and a seed, and
`Delays.__str__` says so wherever outcomes are shown.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from math import exp
from statistics import NormalDist
from typing import Final, Literal

from cad.city import Case, Outcome
from cad.second_grade import second_grade
from schemas.audit_request import AuditRequest
from schemas.solved_case import AuditAnswer, Basis, SolvedCase

Drawn = Literal["solved", "classified", "audited"]

STANDARD_NORMAL: Final = NormalDist()


class Regime(StrEnum):
    """Which outcomes become known."""

    ALL = "all"
    SOLVED = "solved"
    SOLVED_AND_AUDITED = "solved+audit"


@dataclass(frozen=True)
class Delays:
    """Days from report to outcome: log-normal with these medians and this spread (of the logarithm), cut at `longest`.

    The figures are assumptions: a clearance takes two weeks, a record clerk's final code a week, a grader two days.
    """

    solved: float = 14.0
    classified: float = 7.0
    audited: float = 2.0
    spread: float = 1.0
    longest: float = 180.0
    seed: int = 0

    def draw(self, basis: Drawn, report: str) -> timedelta:
        """The delay of one report's outcome: always the same for the same report, basis and seed."""
        chance = blake2b(f"{self.seed}/{basis}/{report}".encode(), digest_size=8).digest()
        uniform = (int.from_bytes(chance, "big") + 0.5) / 2**64
        median: float = getattr(self, basis)
        return timedelta(days=min(median * exp(self.spread * STANDARD_NORMAL.inv_cdf(uniform)), self.longest))

    def __str__(self) -> str:
        return (
            f"delays of outcomes are drawn (no closing dates are published): log-normal, median {self.solved:g} days "
            f"when solved, {self.classified:g} when classified, {self.audited:g} when audited, spread {self.spread:g}, "
            f"at most {self.longest:g} days, seed {self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """An outcome that will become known: `after` the report was filed."""

    after: timedelta
    event: SolvedCase


@dataclass(slots=True)
class _Known:
    """What is kept of a case that was filed, and was said of it: a sixth of the case, of which there would be
    hundreds of thousands."""

    reported_at: datetime
    final: Outcome
    sequence: int = 0
    answered: tuple[str, ...] = ()


class RecordsOffice:
    """Keeps the truth of the newest `remember` cases and says it where the regime lets it.

    Drills have no outcome. Uncleared cases are classified under `all` alone. Audit requests are answered under `all`
    and `solved+audit`, each once; `unanswered` counts the others by reason.
    """

    def __init__(self, regime: Regime, delays: Delays, *, remember: int = 200_000) -> None:
        self.delays = delays
        self.unanswered: Counter[str] = Counter()
        self._regime = regime
        self._remember = remember
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def open(self, case: Case) -> Opened | None:
        """Take note of a case that was just filed; its outcome, if it will be known without being asked for."""
        if case.report.status != "Actual":
            return None
        identity = (case.report.agency_id, case.report.report_id)
        self._known[identity] = _Known(case.report.reported_at, case.final)
        if len(self._known) > self._remember:
            self._known.popitem(last=False)
        outcome = case.outcome
        if outcome.cleared:
            return self._opened(case, "solved", "solved")
        if outcome.unfounded:
            return self._opened(case, "classified", "unfounded")
        return self._opened(case, "classified", "classified") if self._regime is Regime.ALL else None

    def revise(self, case: Case, first: Opened | None) -> list[Opened]:
        """What is said of a case that was just filed after its `first` outcome (what `open` gave), in order.

        A case that turns out unfounded is always said; another class only where there was a first one.
        """
        told: list[Opened] = []
        earliest = first.after if first else timedelta(0)
        for revision in case.revisions:
            if not (first or revision.outcome.unfounded):
                continue
            earliest = max(revision.after, earliest + timedelta(seconds=1))
            basis: Basis = "unfounded" if revision.outcome.unfounded else "classified"
            event = self._opened(replace(case, outcome=revision.outcome), "classified", basis).event
            closed = (case.report.reported_at + earliest).replace(microsecond=0)
            told.append(Opened(earliest, event.model_copy(update={"closed_at": closed})))
        return told

    def ask(self, request: AuditRequest) -> Opened | None:
        """The answer to an audit request, None (and counted) when there is none to give."""
        known = self._known.get((request.agency_id, request.report_id))
        if self._regime is Regime.SOLVED:
            reason = "regime"
        elif known is None:
            reason = "unknown-report"
        elif request.request_id in known.answered:
            reason = "repeated"
        else:
            known.answered += (request.request_id,)
            return self._audited(request, known)
        self.unanswered[reason] += 1
        return None

    def number(self, event: SolvedCase) -> SolvedCase:
        """The event with its place in the sequence of its report's outcomes; to be called as it is published."""
        known = self._known.get((event.agency_id, event.report_id))
        if known is None:
            return event
        known.sequence += 1
        return event if known.sequence == 1 else event.model_copy(update={"sequence": known.sequence})

    def _audited(self, request: AuditRequest, known: _Known) -> Opened:
        """A grader goes through the whole case, so that what the office only says later is known to them."""
        answer = AuditAnswer(request_id=request.request_id, probability=request.probability)
        after = self.delays.draw(
            "audited", f"{request.agency_id}/{request.report_id}{'/second' if answer.second else ''}"
        )
        offences = second_grade(known.final.offences, request.request_id) if answer.second else known.final.offences
        event = SolvedCase(
            agency_id=request.agency_id,
            report_id=request.report_id,
            case_status=known.final.status,
            basis="unfounded" if known.final.unfounded else "audited",
            closed_at=(known.reported_at + after).replace(microsecond=0),
            offences=offences,
            audit=answer,
        )
        return Opened(after, event)

    def _opened(self, case: Case, drawn: Drawn, basis: Basis) -> Opened:
        report, outcome = case.report, case.outcome
        after = self.delays.draw(drawn, f"{report.agency_id}/{report.report_id}")
        event = SolvedCase(
            agency_id=report.agency_id,
            report_id=report.report_id,
            case_status=outcome.status,
            basis=basis,
            closed_at=(report.reported_at + after).replace(microsecond=0),
            offences=outcome.offences,
        )
        return Opened(after, event)
