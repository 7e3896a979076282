"""What the project's model is measured against: the majority, the rules alone, a plain logistic regression.

All answer to the same few verbs as `severity.model.SeverityModel`, so that one harness judges them all. What each may
look at is an information set: `call` (time, place, kind of place), `details` (with weapon and filing delay), `report`
(with the officer's written circumstances). A figure without its information set misleads a dispatcher.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from schemas.crime_report import CrimeReport, Flags
from severity.encoders import LEVELS
from severity.facts import Gate, Information
from severity.rules import Rules

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Model(Protocol):
    """What the harness asks of a model. Rows are in order of filing, levels are 1 to 5, some of which may be absent."""

    def fit(
        self,
        reports: Sequence[CrimeReport],
        levels: Ints,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: Floats | None = None,
    ) -> Self:
        """Learn from reports whose levels became known at `known_at`, by default on their own day."""

    def predict_proba(self, reports: Sequence[CrimeReport]) -> Floats:
        """Probabilities of levels 1 to 5, shape (n, 5)."""


def seen(report: CrimeReport, information: Information) -> CrimeReport:
    """The report as far as `information` goes. What it leaves out is unknown; an unknown filing delay is no delay."""
    if information == "report":
        return report
    hidden: dict[str, object] = {"circumstances": (), "flags": Flags()}
    if information == "call":
        hidden |= {"weapons": (), "agency_weapons": (), "injuries": (), "victims": None, "suspects": None}
        hidden |= {"offence_code": None, "reported_at": report.occurred_from or report.reported_at}
    return report.model_copy(update=hidden)


class Majority:
    """Gives every report the levels' shares in what it was fitted to; its level is the most frequent one."""

    def __init__(self) -> None:
        self.shares_: Floats = np.full(LEVELS, 1 / LEVELS)

    def fit(
        self,
        reports: Sequence[CrimeReport],
        levels: Ints,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: Floats | None = None,
    ) -> Self:
        """Count the levels."""
        counts = np.bincount(levels - 1, sample_weight, minlength=LEVELS)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, reports: Sequence[CrimeReport]) -> Floats:
        """The same row for every report."""
        return np.tile(self.shares_, (len(reports), 1))


class RulesAlone:
    """The rule fallback and the floors, without any model: what a scorer answers when it is degraded."""

    def __init__(self, rules: Rules, information: Information = "report") -> None:
        self._rules = rules
        self._information = information

    def fit(
        self,
        reports: Sequence[CrimeReport],
        levels: Ints,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: Floats | None = None,
    ) -> Self:
        """Nothing to learn."""
        return self

    def predict_proba(self, reports: Sequence[CrimeReport]) -> Floats:
        """1 for the level that the rules give, 0 for every other: rules know no doubt."""
        probabilities = np.zeros((len(reports), LEVELS))
        for row, report in enumerate(reports):
            probabilities[row, self._level(seen(report, self._information)) - 1] = 1.0
        return probabilities

    def _level(self, report: CrimeReport) -> int:
        floor = self._rules.floor(report)
        return max(self._rules.fallback(report).level, floor.level if floor else 1)


class Logistic:
    """Logistic regression on one-hot tokens, as anyone would build it with scikit-learn in an afternoon.

    Its tokens are those that the gate lets through to the project's model, so it knows as much, of a report and of its
    `information`. Settings are scikit-learn's own, the number of iterations apart.
    """

    def __init__(self, information: Information = "report") -> None:
        self._gate = Gate(information)
        self._tokens = CountVectorizer(analyzer=self._analyse, binary=True, min_df=2)
        self._regression = LogisticRegression(max_iter=1000)

    def fit(
        self,
        reports: Sequence[CrimeReport],
        levels: Ints,
        *,
        known_at: Sequence[datetime] | None = None,
        sample_weight: Floats | None = None,
    ) -> Self:
        """Fit the vocabulary and the weights."""
        X = self._tokens.fit_transform(reports)
        self._regression.fit(X, levels, sample_weight=sample_weight)
        return self

    def predict_proba(self, reports: Sequence[CrimeReport]) -> Floats:
        """Probabilities; 0 for a level that was not there to learn."""
        probabilities = np.zeros((len(reports), LEVELS))
        found = self._regression.predict_proba(self._tokens.transform(reports))
        probabilities[:, self._regression.classes_ - 1] = found
        return probabilities

    def _analyse(self, report: CrimeReport) -> list[str]:
        facts = self._gate.facts(report)
        return facts.core + facts.side + facts.single
