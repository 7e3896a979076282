"""What a demo has seen so far: which report has its priority, how late, and how often the level was right."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sklearn.metrics import f1_score

from schemas.crime_report import CrimeReport
from schemas.model_version import ModelVersion
from schemas.priority import Priority
from schemas.solved_case import SolvedCase
from severity.levels import LevelTable

Identity = tuple[str, str]
Revision = tuple[str, str, int]

Pair = tuple[int | None, int]
"""A level given and the outcome's."""

NEWEST: Final = 60
"""Most priorities that a screen shows."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Accuracy and macro-F1 of published levels against `labels` outcomes; None while there is none."""

    labels: int
    accuracy: float | None
    macro_f1: float | None


@dataclass(slots=True)
class Tally:
    """Fed with every record of the topics, in any order of topics; all times in milliseconds since the epoch."""

    levels: LevelTable
    reports: dict[Revision, int] = field(default_factory=dict)
    answered: Counter[Revision] = field(default_factory=Counter)
    newest: deque[Priority] = field(default_factory=lambda: deque(maxlen=NEWEST))
    releases: dict[int, ModelVersion] = field(default_factory=dict)
    scored_by: Counter[int] = field(default_factory=Counter)
    by_level: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    dead_lettered: int = 0
    degraded: int = 0
    _latencies: list[float] = field(default_factory=list)
    _waiting: dict[Revision, float] = field(default_factory=dict)
    _published: dict[Identity, Priority] = field(default_factory=dict)
    _truth: dict[Identity, int] = field(default_factory=dict)

    def report(self, report: CrimeReport, filed_ms: int) -> None:
        """A report as filed, with the broker's timestamp of its record."""
        revision = (report.agency_id, report.report_id, report.revision)
        self.reports.setdefault(revision, filed_ms)
        if (seen := self._waiting.pop(revision, None)) is not None:
            self._latencies.append(seen - filed_ms)

    def priority(self, priority: Priority, seen_ms: float) -> None:
        """A priority, with the moment at which a reader had it in hand."""
        revision = (priority.agency_id, priority.report_id, priority.revision)
        self.answered[revision] += 1
        if self.answered[revision] > 1:
            return
        self.newest.append(priority)
        self.degraded += priority.degraded
        release = priority.model.release if priority.model else 0
        self.scored_by[release] += 1
        if priority.severity is not None:
            self.by_level[priority.severity] += 1
            self._published.setdefault(revision[:2], priority)
        filed = self.reports.get(revision)
        if filed is None:
            self._waiting[revision] = seen_ms
        else:
            self._latencies.append(seen_ms - filed)

    def outcome(self, case: SolvedCase) -> None:
        """What a case turned out to be."""
        self.outcomes[case.basis] += 1
        identity = (case.agency_id, case.report_id)
        level = (
            self.levels.level(case.offences, case.agency_id) if case.basis not in ("unfounded", "reopened") else None
        )
        if level is None:
            self._truth.pop(identity, None)
        else:
            self._truth[identity] = level

    def version(self, version: ModelVersion) -> None:
        """A release that became champion."""
        if version.role == "champion":
            self.releases[version.release] = version

    @property
    def priorities(self) -> int:
        """Distinct revisions that have a priority."""
        return len(self.answered)

    @property
    def doubled(self) -> int:
        """Priorities beyond the first of a revision; possible on the embedded broker, which is at-least-once."""
        return self.answered.total() - len(self.answered)

    @property
    def lost(self) -> int:
        """Revisions filed that have no priority."""
        return len(self.reports.keys() - self.answered.keys())

    def latency_ms(self) -> tuple[float, float] | None:
        """p50 and p99 from the report's record to the priority in a reader's hand; None before the first."""
        if not self._latencies:
            return None
        p50, p99 = np.percentile(self._latencies, [50, 99])
        return float(p50), float(p99)

    def quality(self) -> Quality:
        """Of every published level whose outcome has come."""
        return _quality([(known.severity, level) for known, level in self._judged()])

    def quality_by_release(self) -> Mapping[int, tuple[Quality, Quality]]:
        """Release → how good its published levels were, and the model's own before the floors raised any.

        0 is the rule table before there was a model; it has no view of its own.
        """
        published: dict[int, list[Pair]] = {}
        own: dict[int, list[Pair]] = {}
        for priority, level in self._judged():
            release = priority.model.release if priority.model else 0
            published.setdefault(release, []).append((priority.severity, level))
            if priority.model_severity is not None:
                own.setdefault(release, []).append((priority.model_severity, level))
        return {
            release: (_quality(published[release]), _quality(own.get(release, []))) for release in sorted(published)
        }

    def _judged(self) -> Iterator[tuple[Priority, int]]:
        for identity, priority in self._published.items():
            if identity in self._truth:
                yield priority, self._truth[identity]


def _quality(pairs: list[Pair]) -> Quality:
    if not pairs:
        return Quality(0, None, None)
    given, truth = np.array(pairs, dtype=int).T
    # Over the levels that occurred in the outcomes: a level no case has had yet says nothing of the model.
    macro = f1_score(truth, given, labels=np.unique(truth), average="macro", zero_division=0)
    return Quality(len(pairs), float(np.mean(given == truth)), float(macro))
