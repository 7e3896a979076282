"""From reports to priorities: the model's view, the rules' floors, the agency's scheme, and the reasons.

Every report gets an answer. Where the model fails, on a batch or on one report, the rules' fallback answers instead.
An answer depends on the report, the release and the tables alone, `scored_at` apart: not on the batch it came in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.crime_report import CrimeReport
from schemas.priority import DeadLetterRef, ModelRef, Priority, Reason, SourcePosition
from severity.policy import Policy
from severity.reasons import Leading, Told, tell
from severity.rules import Floor, Rules
from severity.scheme import Placement, Scheme, Schemes
from severity.scorer import Scorer
from severity.urgency import urgency_of
from severity.wording import Wording

Five = tuple[float, float, float, float, float]

ALL: Final = (1, 2, 3, 4, 5)
"""The levels."""

TOLERANCE: Final = 1e-6
"""Largest difference between a raw score and its parts that rounding explains."""


class Plausible(Protocol):
    """Which levels (n, 5) are plausible; `severity.conformal.PredictionSets`."""

    def plausible(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]: ...


@dataclass(frozen=True, slots=True)
class Release:
    """A release that scores."""

    scorer: Scorer
    prediction_sets: Plausible
    ref: ModelRef


class ModelFailed(RuntimeError):
    """The model answered, but not with five probabilities for each report, or its reasons do not add up."""


class _View(NamedTuple):
    """What the model says of one report. `baseline` and `led` are of the published level, the floor in it."""

    level: int
    probabilities: Five
    plausible: tuple[int, ...]
    baseline: float
    led: Leading


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
        self, reports: Sequence[CrimeReport], positions: Sequence[SourcePosition], now: datetime
    ) -> list[Priority]:
        """A priority for each report, in their order; `now` becomes `scored_at`. Never raises for what a model does."""
        floors = [self.rules.floor(report) for report in reports]
        views = _views(self.release, self.policy, reports, floors, self.on_failure)
        version = self.policy_version
        return [
            self._priority(report, position, now, floor, view, version)
            for report, position, floor, view in zip(reports, positions, floors, views, strict=True)
        ]

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
        view: _View | None,
        version: str,
    ) -> Priority:
        if view is None:
            level, _, words = self.rules.fallback(report)
            last = [Reason(code="fallback", text=f"no model, by the table: {words}")]
        else:
            level, last = view.level, []
        severity = _raise(level, floor)
        ruled = [Reason(code=floor.rule, text=f"rule: {floor.text}")] if floor and severity > level else []
        scheme = self.schemes.for_agency(report.agency_id)
        own = scheme.place(severity, urgency_of(report), report.flags.suspect_present)
        dispatch = _dispatch(scheme, report, own)
        first = (*ruled, *dispatch.notes, *last)
        told = Told(first, None)
        if view is not None:
            material = self.policy.reasons
            told = tell(view.led, report, self.wording, material=material, first=first)
        placement = dispatch.placement
        return Priority.trusted(
            agency_id=report.agency_id,
            report_id=report.report_id,
            revision=report.revision,
            status=report.status,
            decision=1,
            severity=severity,
            model_severity=view.level if view else None,
            score=_score(view.probabilities) if view else None,
            probabilities=view.probabilities if view else None,
            plausible_levels=view.plausible if view else (),
            priority=placement.priority,
            colour=placement.colour,
            target_minutes=placement.target_minutes,
            eido_priority=placement.eido_priority,
            suggested_priority=dispatch.suggested,
            decided_by="rule" if ruled else "model" if view else "fallback",
            degraded=view is None,
            needs_human_triage=view is None or dispatch.unknown or self._needs_person(view, floor),
            floor=floor.level if floor else None,
            floor_rule=floor.rule if floor else None,
            baseline=view.baseline if view else None,
            reasons=told.reasons,
            other_contribution=told.other,
            model=self.release.ref if self.release and view else None,
            policy_version=version,
            reported_at=report.reported_at,
            scored_at=now,
            source=position,
            dead_letter=None,
            previous=None,
        )

    def _needs_person(self, view: _View, floor: Floor | None) -> bool:
        return self.policy.needs_person(
            plausible=len(view.plausible),
            top_probability=max(view.probabilities),
            model_level=view.level,
            floor=floor.level if floor else None,
        )


def _views(
    release: Release | None,
    policy: Policy,
    reports: Sequence[CrimeReport],
    floors: Sequence[Floor | None],
    on_failure: Callable[[Exception], None],
) -> list[_View | None]:
    """The model's views; after a failure one report at a time, so that one cannot take the others' model away."""
    if release is None or not reports:
        return [None] * len(reports)
    try:
        return [*_scored(release, policy, reports, floors)]
    except Exception as error:  # whatever fails inside a model, the rules can still answer
        if len(reports) == 1:
            on_failure(error)
            return [None]
    return [
        _views(release, policy, [report], [floor], on_failure)[0] for report, floor in zip(reports, floors, strict=True)
    ]


def _scored(
    release: Release, policy: Policy, reports: Sequence[CrimeReport], floors: Sequence[Floor | None]
) -> list[_View]:
    scores = release.scorer.score(reports)
    probabilities = scores.probabilities
    if probabilities.shape != (len(reports), 5) or not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ModelFailed(f"not five probabilities for each of {len(reports)} reports")
    levels: list[int] = policy.levels(probabilities).tolist()
    plausible: list[list[bool]] = release.prediction_sets.plausible(probabilities).tolist()
    published = [_raise(level, floor) for level, floor in zip(levels, floors, strict=True)]
    baselines, leads = scores.leading(published)
    raw = scores.raw[np.arange(len(published)), np.asarray(published) - 1]
    if not (np.abs(baselines + [led.total for led in leads] - raw) <= TOLERANCE).all():
        raise ModelFailed("the contributions do not add up to the raw score")
    return [
        _View(level, tuple(row), tuple(level for level, holds in zip(ALL, sets, strict=True) if holds), baseline, led)
        for level, row, sets, baseline, led in zip(
            levels, probabilities.tolist(), plausible, baselines.tolist(), leads, strict=True
        )
    ]


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


def _raise(level: int, floor: Floor | None) -> int:
    return max(level, floor.level) if floor else level


def _score(probabilities: Five) -> float:
    """25 × (expected level - 1), 0 to 100; the probabilities' own sum is divided out, being 1 only nearly."""
    weight = sum(level * probability for level, probability in enumerate(probabilities))
    return min(max(25 * weight / sum(probabilities), 0.0), 100.0)
