"""From reports to priorities: the model's view, the rules' floors, the agency's scheme, and the reasons.

Every report gets an answer. Where the model fails, on a batch or on one report, the rules' fallback answers instead.
An answer depends on the report, the release and the tables alone, `scored_at` apart: not on the batch it came in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.crime_report import CrimeReport
from schemas.priority import DeadLetterRef, ModelRef, Priority, Reason, SourcePosition
from severity.laps import Lap, untimed
from severity.policy import Policy
from severity.reasons import Told, tell
from severity.rules import Floor, Rules
from severity.scheme import Placement, Scheme, Schemes
from severity.scorer import Scorer
from severity.urgency import urgency_of
from severity.view import Plausible, View, view
from severity.wording import Wording


@dataclass(frozen=True, slots=True)
class Release:
    """A release that scores."""

    scorer: Scorer
    prediction_sets: Plausible
    ref: ModelRef


class _Dispatch(NamedTuple):
    placement: Placement
    suggested: str | None
    notes: tuple[Reason, ...]
    unknown: bool  # there is an initial priority, but not one of this scheme


@dataclass(frozen=True, slots=True)
class Assessor:
    """Turns reports into priorities with one release, or with the rules alone where it is None.

    on_failure: told of each error of the model for which one report was left to the rules.
    """

    rules: Rules
    schemes: Schemes
    policy: Policy
    wording: Wording
    release: Release | None
    on_failure: Callable[[Exception], None]

    @property
    def policy_version(self) -> str:
        """Versions of the policy, the rules and the schemes that decide."""
        return f"policy-{self.policy.version}.rules-{self.rules.version}.schemes-{self.schemes.version}"

    def assess(
        self, reports: Sequence[CrimeReport], positions: Sequence[SourcePosition], now: datetime, lap: Lap = untimed
    ) -> list[Priority]:
        """A priority for each report, in their order; `now` becomes `scored_at`. Never raises for what a model does.

        Laps: rules, features, forest, reasons.
        """
        floors = [self.rules.floor(report) for report in reports]
        lap("rules")
        views = self._views(reports, floors, lap)
        version = self.policy_version
        priorities = [
            self._priority(report, position, now, floor, seen, version)
            for report, position, floor, seen in zip(reports, positions, floors, views, strict=True)
        ]
        lap("reasons")
        return priorities

    def triage(
        self, agency_id: str, report_id: str, dead_letter: DeadLetterRef, position: SourcePosition, now: datetime
    ) -> Priority:
        """A priority for a report whose body could not be read: no severity, and a person must look.

        pydantic's `ValidationError` when the identity itself breaks the contract.
        """
        placement = self.schemes.for_agency(agency_id).place(None, None, None)
        return Priority(
            agency_id=agency_id,
            report_id=report_id,
            revision=0,
            status="Actual",  # unknown; taken for a drill, a real report would be lost
            severity=None,
            score=None,
            probabilities=None,
            priority=placement.priority,
            colour=placement.colour,
            target_minutes=placement.target_minutes,
            eido_priority=placement.eido_priority,
            decided_by="fallback",
            degraded=True,
            needs_human_triage=True,
            reasons=(Reason(code="unreadable", text=f"the report could not be read: {dead_letter.reason}"),),
            policy_version=self.policy_version,
            reported_at=None,
            scored_at=now,
            source=position,
            dead_letter=dead_letter,
        )

    def triage_readable(self, report: CrimeReport, reason: Reason, position: SourcePosition, now: datetime) -> Priority:
        """A priority for a report that was read but is not to be scored, as `reason` says: a person must look.

        It is as urgent as the most urgent of the scheme's triage, the rules' floor and the report's own initial
        priority. Raises what a rule raises.
        """
        scheme, floor = self.schemes.for_agency(report.agency_id), self.rules.floor(report)
        own = scheme.triage
        if floor:
            own = scheme.more_urgent(own, scheme.place(floor.level, urgency_of(report), report.flags.suspect_present))
        dispatch = _dispatch(scheme, report, own)
        ruled = [Reason(code=floor.rule, text=f"rule: {floor.text}")] if floor else []
        return Priority(
            agency_id=report.agency_id,
            report_id=report.report_id,
            revision=report.revision,
            status=report.status,
            severity=None,
            score=None,
            probabilities=None,
            priority=dispatch.placement.priority,
            colour=dispatch.placement.colour,
            target_minutes=dispatch.placement.target_minutes,
            eido_priority=dispatch.placement.eido_priority,
            decided_by="fallback",
            degraded=True,
            needs_human_triage=True,
            floor=floor.level if floor else None,
            floor_rule=floor.rule if floor else None,
            reasons=(reason, *ruled, *dispatch.notes),
            policy_version=self.policy_version,
            reported_at=report.reported_at,
            scored_at=now,
            source=position,
        )

    def _priority(
        self,
        report: CrimeReport,
        position: SourcePosition,
        now: datetime,
        floor: Floor | None,
        seen: View | None,
        version: str,
    ) -> Priority:
        if seen is None:
            level, _, words = self.rules.fallback(report)
            last = [Reason(code="fallback", text=f"no model, by the table: {words}")]
        else:
            level, last = seen.level, []
        severity = max(level, floor.level) if floor else level
        ruled = [Reason(code=floor.rule, text=f"rule: {floor.text}")] if floor and severity > level else []
        scheme = self.schemes.for_agency(report.agency_id)
        own = scheme.place(severity, urgency_of(report), report.flags.suspect_present)
        dispatch = _dispatch(scheme, report, own)
        first = (*ruled, *dispatch.notes, *last)
        told = tell(seen.led, report, self.wording, first) if seen else Told(first, None)
        placement = dispatch.placement
        return Priority.trusted(
            {
                "agency_id": report.agency_id,
                "report_id": report.report_id,
                "revision": report.revision,
                "status": report.status,
                "decision": 1,
                "severity": severity,
                "model_severity": seen.level if seen else None,
                "score": seen.score if seen else None,
                "probabilities": seen.probabilities if seen else None,
                "plausible_levels": seen.plausible if seen else (),
                "priority": placement.priority,
                "colour": placement.colour,
                "target_minutes": placement.target_minutes,
                "eido_priority": placement.eido_priority,
                "suggested_priority": dispatch.suggested,
                "decided_by": "rule" if ruled else "model" if seen else "fallback",
                "degraded": seen is None,
                "needs_human_triage": seen is None or dispatch.unknown or self._needs_person(seen, floor),
                "floor": floor.level if floor else None,
                "floor_rule": floor.rule if floor else None,
                "baseline": seen.baseline if seen else None,
                "reasons": told.reasons,
                "other_contribution": told.other,
                "model": self.release.ref if self.release and seen else None,
                "policy_version": version,
                "reported_at": report.reported_at,
                "scored_at": now,
                "source": position,
                "dead_letter": None,
                "previous": None,
            }
        )

    def _needs_person(self, seen: View, floor: Floor | None) -> bool:
        return self.policy.needs_person(
            plausible=len(seen.plausible),
            top_probability=max(seen.probabilities),
            model_level=seen.level,
            floor=floor.level if floor else None,
        )

    def _views(self, reports: Sequence[CrimeReport], floors: Sequence[Floor | None], lap: Lap) -> Sequence[View | None]:
        """The model's views; after a failure one report at a time, so that one cannot take the others' model away."""
        if self.release is None or not reports:
            return [None] * len(reports)
        try:
            return view(self.release.scorer, self.release.prediction_sets, self.policy, reports, floors, lap)
        except Exception as error:  # whatever fails inside a model, the rules can still answer
            if len(reports) == 1:
                self.on_failure(error)
                return [None]
        return [self._views([report], [floor], lap)[0] for report, floor in zip(reports, floors, strict=True)]


def _dispatch(scheme: Scheme, report: CrimeReport, own: Placement) -> _Dispatch:
    """`own`, or the initial priority where that is more urgent: only a person may lower it."""
    if report.initial_priority is None:
        return _Dispatch(own, None, (), False)
    initial = scheme.find(report.initial_priority)
    if initial is None:
        text = f"initial priority {report.initial_priority} is not on this scale"
        return _Dispatch(own, None, (Reason(code="initial-priority-unknown", text=text),), True)
    if scheme.more_urgent(own, initial) == own:
        return _Dispatch(own, None, (), False)
    note = Reason(code="initial-priority", text=f"initial priority {initial.priority} kept")
    return _Dispatch(initial, own.priority, (note,), False)
