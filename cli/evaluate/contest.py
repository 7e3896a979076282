"""What `severity evaluate` runs: a city's cases, who competes on them, the test at the end, the periods one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Final, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from cad.city import City
from cad.filings import Account, read_filings
from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef, Priority, SourcePosition
from severity.assess import Assessor, Release
from severity.conformal import PredictionSets
from severity.facts import Information
from severity.levels import LevelTable
from severity.model import SeverityModel
from severity.policy import Policy
from severity.rules import Rules
from severity.scheme import Schemes
from severity.wording import Wording
from trainer.judging.evaluation import MAJORITY, RULES
from trainer.offline.baselines import Logistic, Majority, Model, RulesAlone, seen
from trainer.offline.holdout import TEST_SHARE, Holdout, Labelled, hold_out, split
from trainer.offline.outcomes import Delays, Regime, become_known, filing_days
from trainer.offline.prequential import Contest, Course, Rhythm

OURS: Final = "severity"
"""The project's own model among the contenders."""

RETRAINED: Final = "retrained"
"""The project's own model period by period, all labels counting alike however old they are."""

CONTENDERS: Final = (MAJORITY, RULES, "logistic", OURS)

Held = Mapping[tuple[str, str], Holdout]
"""Figures by information set and contender."""


Figure = Literal["accuracy", "macro_f1", "far_off", "far_too_low"]
"""Figures of `Decisions` that are one number."""


class Spread(NamedTuple):
    """A figure over several draws."""

    mean: float
    least: float
    most: float


class Told(NamedTuple):
    """Which outcomes taught, as asked for, how their delays were drawn, and the courses by key of the audit draw."""

    outcomes: str
    delays: Delays | None
    courses: Mapping[str, Course]

    @property
    def ceiling(self) -> bool:
        """Whether no real agency could know as much so soon."""
        return self.outcomes == "all" and self.delays is None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of those that competed."""
        return tuple(next(iter(self.courses.values())).models)

    def spread(self, model: str, figure: Figure) -> "Spread":
        """A figure of one model over the draws."""
        found = [float(getattr(course.models[model], figure)) for course in self.courses.values()]
        return Spread(fmean(found), min(found), max(found))

    def __str__(self) -> str:
        late = str(self.delays) if self.delays else "known on the day of filing, earlier than any real outcome"
        return f"outcomes: {self.outcomes}; {late}{': a ceiling' if self.ceiling else ''}"


@dataclass(frozen=True, slots=True)
class Material:
    """A city's reports with a level, in order of filing, and what became of the other rows.

    `solved`: one a report, whether its case was cleared by the day of export.
    """

    city: City
    file: Path
    account: Account
    labelled: Labelled
    solved: npt.NDArray[np.bool_]

    @property
    def headline(self) -> Information:
        """The fullest information set of the city's file."""
        return self.city.tells[-1]

    @property
    def source(self) -> str:
        """City and file, with the word that must stand beside every figure of a recovered file."""
        recovered = " (recovered)" if self.recovered else ""
        return f"{self.city.name}, {self.file.name}{recovered}"

    @property
    def recovered(self) -> bool:
        """Whether the file was pieced together from a broken one, as its name says."""
        return "recovered" in self.file.name.lower()


def read(city: City, file: Path) -> Material:
    """Read and label a city's file. Raises what `cad.filings.read_filings` does."""
    filings = read_filings(city, file, LevelTable.load())
    cases = [case for case in filings if case.final.level is not None]
    return Material(
        city=city,
        file=file,
        account=filings.account,
        labelled=Labelled(
            [case.report for case in cases], np.array([case.final.level for case in cases], dtype=np.int64)
        ),
        solved=np.array([case.final.cleared for case in cases], dtype=np.bool_),
    )


def information_sets(material: Material) -> Iterator[tuple[Information, str, Holdout]]:
    """Each contender under each information set, judged on the newest tenth of the reports."""
    rules = Rules.load()
    train, test = split(material.labelled, TEST_SHARE)
    for information in material.city.tells:
        yield information, MAJORITY, hold_out(Majority, train, test)
        yield information, RULES, hold_out(partial(RulesAlone, rules, information), train, test, certain=True)
        yield information, "logistic", hold_out(partial(Logistic, information), train, test)
        publish = partial(_publish, rules, information)
        yield information, OURS, hold_out(partial(SeverityModel, information), train, test, publish=publish)


def prequential(
    material: Material,
    regime: Regime,
    rhythm: Rhythm,
    half_lives: Mapping[str, float | None],
    delays: Delays | None,
    audit_key: str,
) -> Contest:
    """The contest period by period, under one regime of outcomes and one draw of the audit."""
    reports = material.labelled.reports
    return Contest(
        material.labelled,
        filing_days(reports),
        become_known(reports, material.solved, regime, key=audit_key.encode(), delays=delays),
        partial(SeverityModel, material.headline),
        RulesAlone(Rules.load(), material.headline),
        rhythm,
        half_lives,
    )


def _publish(
    rules: Rules, information: Information, model: Model, sets: PredictionSets, reports: Sequence[CrimeReport]
) -> list[Priority]:
    """What the scorer would publish, the rules seeing no more than the model does. An error of the model is raised."""
    now = datetime.now(UTC)
    scorer = cast(SeverityModel, model).compile()
    release = Release(scorer, sets, ModelRef(name=OURS, release=1, digest="0" * 64))
    assessor = Assessor(rules, Schemes.load(), Policy.load(), Wording.load(), release, _fail)
    positions = [SourcePosition(topic="evaluate", partition=0, offset=row) for row in range(len(reports))]
    return assessor.assess([seen(report, information) for report in reports], positions, now)


def _fail(error: Exception) -> None:
    raise error
