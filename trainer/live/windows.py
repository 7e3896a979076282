"""The live scores of late: confusion counts of the newest labels, by count and by time, and estimates for all reports.

Labels are windowed by when they came, reports by when they were decided. The newest labels tell of what is solved or
graded quickly; what stands for all reports is the estimate alone (`trainer.judging.estimate`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from severity.levels import GRAVEST
from trainer.judging.estimate import Estimate, Flags, Population, estimate
from trainer.live.cases import BASES, Rows
from trainer.live.scores import RULES, VIEWS, Cell, Confusion, View
from trainer.training.training_set import AUDITED, WITHDRAWN

ANY: Final = "any"
"""Stands for whatever release or basis. Outcomes of any basis are no fair sample of all reports."""

DAY: Final = 86_400.0


class Window(StrEnum):
    """Over what a figure is taken: all that is remembered, the newest so many, or the newest days."""

    ALL = "all"
    COUNT = "count"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide the windows are: so many labels, so many reports for the estimate, so many days for either."""

    labels: int = 2_000
    reports: int = 10_000
    days: float = 28.0


class WindowCell(NamedTuple):
    """What a windowed confusion matrix stands for; `release` and `basis` may be `ANY`."""

    release: str
    basis: str
    view: View
    window: Window


class EstimateCell(NamedTuple):
    """What an estimate stands for; `release` may be `ANY`."""

    release: str
    view: View
    window: Window


def together(matrices: Mapping[Cell, Confusion]) -> dict[WindowCell, Confusion]:
    """The matrices since each release began, and their sums over releases, bases or both."""
    found: dict[WindowCell, Confusion] = {}
    for cell, matrix in matrices.items():
        for release in (str(cell.release), ANY):
            for basis in (cell.basis, ANY):
                name = WindowCell(release, basis, cell.view, Window.ALL)
                found[name] = found[name] + matrix if name in found else matrix
    return found


def windows(cases: Rows, widths: Widths, now: float, releases: int = 5) -> dict[WindowCell, Confusion]:
    """Confusion counts of the newest labels, by each kind of window; `now` in seconds since 1970.

    The newest days end with the newest label, so that a replay of years past has them too, but never after `now`.
    """
    rows = cases[(cases["sequence"] > 0) & (cases["level"] > 0) & ~_withdrawn(cases)]
    rows = rows[np.argsort(rows["labelled_at"], kind="stable")]
    came = np.minimum(rows["labelled_at"], now)
    recent = came > came.max(initial=-np.inf) - widths.days * DAY
    basis = np.where(rows["audited"], BASES.index(AUDITED), rows["basis"])
    found = {}
    for release, of_release in _releases(rows, releases):
        for name, of_basis in [(ANY, np.ones(len(rows), np.bool_)), *((BASES[at], basis == at) for at in set(basis))]:
            for view in VIEWS:
                here = of_release & of_basis & (rows[view] > 0)
                if not here.any():
                    continue
                newest = rows[here][-widths.labels :]
                found[WindowCell(release, name, view, Window.COUNT)] = _confusion(newest, view)
                if (here & recent).any():
                    found[WindowCell(release, name, view, Window.TIME)] = _confusion(rows[here & recent], view)
    return found


def estimates(cases: Rows, widths: Widths, now: float, releases: int = 5) -> dict[EstimateCell, Estimate]:
    """Figures of all decided reports: of each release over all that is remembered, of any release by each window."""
    at = np.minimum(cases["decided_at"], now)
    recent = at > at.max(initial=-np.inf) - widths.days * DAY
    found = {}
    for release, of_release in _releases(cases, releases):
        for view in VIEWS:
            here = of_release & (cases[view] > 0)
            found[EstimateCell(release, view, Window.ALL)] = estimate(_population(cases[here], view))
            if release == ANY:
                newest = cases[here][-widths.reports :]
                found[EstimateCell(ANY, view, Window.COUNT)] = estimate(_population(newest, view))
                found[EstimateCell(ANY, view, Window.TIME)] = estimate(_population(cases[here & recent], view))
    return {cell: one for cell, one in found.items() if one.reports}


def _releases(rows: Rows, newest: int) -> Iterator[tuple[str, Flags]]:
    """Any release, the rules alone, and the newest releases, each with its rows."""
    yield ANY, np.ones(len(rows), dtype=np.bool_)
    there = np.unique(rows["release"])
    for release in there[(there == RULES) | (there > there[-newest - 1 : -newest].max(initial=RULES))].tolist():
        yield str(release), rows["release"] == release


def _population(rows: Rows, view: View) -> Population:
    known = (rows["sequence"] > 0) & (rows["basis"] != BASES.index("reopened"))
    return Population(
        decided=rows[view].astype(np.int64),
        expected=rows["expected"].astype(np.float64),
        truth=np.where(known & ~_withdrawn(rows), rows["level"], 0).astype(np.int64),
        by_case=known & rows["by_case"],
        graded=known & rows["audited"],
    )


def _withdrawn(rows: Rows) -> Flags:
    return np.isin(rows["basis"], [BASES.index(basis) for basis in WITHDRAWN])


def _confusion(rows: Rows, view: View) -> Confusion:
    place = (rows["level"].astype(np.int64) - 1) * GRAVEST + rows[view] - 1
    return np.bincount(place, minlength=GRAVEST * GRAVEST).reshape(GRAVEST, GRAVEST)
