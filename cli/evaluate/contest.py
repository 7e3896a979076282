"""What `severity evaluate` runs: a city's cases, who competes on them, the test at the end and the days one by one."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from cad.city import City
from cad.filings import Account, read_filings
from schemas.crime_report import CrimeReport
from schemas.priority import ModelRef, Priority, SourcePosition
from severity.assess import Assessor, Release
from severity.conformal import PredictionSets
from severity.facts import INFORMATION, Information
from severity.levels import LevelTable
from severity.model import SeverityModel
from severity.policy import Policy
from severity.rules import Rules
from severity.scheme import Schemes
from severity.wording import Wording
from trainer.offline.baselines import Logistic, Majority, Model, RulesAlone, seen
from trainer.offline.holdout import TEST_SHARE, Holdout, Labelled, hold_out, split
from trainer.offline.prequential import Day, Delays, Regime, become_known, day_by_day, filing_days

OURS: Final = "severity"
"""The project's own model among the contenders."""

CONTENDERS: Final = ("majority", "rules", "logistic", OURS)
HEADLINE: Final[Information] = "report"


Held = Mapping[tuple[str, str], Holdout]
"""Figures by information set and contender."""


class Told(NamedTuple):
    """Which outcomes taught, as asked for, and how their delays were drawn."""

    outcomes: str
    delays: Delays | None

    @property
    def ceiling(self) -> bool:
        """Whether no real agency could know as much so soon."""
        return self.outcomes == "all" and self.delays is None

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
    cases = [case for case in filings if case.outcome.level is not None]
    return Material(
        city=city,
        file=file,
        account=filings.account,
        labelled=Labelled(
            [case.report for case in cases], np.array([case.outcome.level for case in cases], dtype=np.int64)
        ),
        solved=np.array([case.outcome.cleared for case in cases], dtype=np.bool_),
    )


def information_sets(material: Material) -> Iterator[tuple[Information, str, Holdout]]:
    """Each contender under each information set, judged on the newest tenth of the reports."""
    rules = Rules.load()
    train, test = split(material.labelled, TEST_SHARE)
    for information in INFORMATION:
        yield information, "majority", hold_out(Majority, train, test)
        yield information, "rules", hold_out(partial(RulesAlone, rules, information), train, test, certain=True)
        yield information, "logistic", hold_out(partial(Logistic, information), train, test)
        publish = partial(_publish, rules, information)
        yield information, OURS, hold_out(partial(SeverityModel, information), train, test, publish=publish)


def days(material: Material, regime: Regime, delays: Delays | None, audit_key: str, workers: Executor) -> Iterator[Day]:
    """Each day's reports scored by the model of the day before, frozen and retrained."""
    reports = material.labelled.reports
    known = become_known(reports, material.solved, regime, key=audit_key.encode(), delays=delays)
    rules = RulesAlone(Rules.load())
    return day_by_day(material.labelled, filing_days(reports), known, SeverityModel, rules, workers)


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
