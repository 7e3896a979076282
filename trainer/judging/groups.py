"""Whether a candidate does a group of reports much worse than the champion: an area, a kind of place, a source.

Each group with enough reports is a paired sign test (McNemar 1947, exact) over the reports that only one of the two
models got right, with Holm's correction (1979) for the number of groups, and a difference that matters.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from scipy.stats import binom

from schemas.crime_report import CrimeReport
from trainer.judging.evaluation import Flags, Floats
from trainer.judging.gate import Check
from trainer.judging.holdout import Holdout

LEAST_REPORTS: Final = 50
"""Of a group, from which it is looked at."""

MUCH_WORSE: Final = 0.05
"""Loss of accuracy within a group that matters."""

CHANCE: Final = 0.01
"""With which one candidate is wrongly said to do some group worse."""


def groups_of(reports: Sequence[CrimeReport]) -> dict[str, Flags]:
    """Which reports (n,) belong to each group, by its name; groups of too few reports are left out."""
    members: dict[str, list[int]] = {}
    for row, report in enumerate(reports):
        for name in _groups(report):
            members.setdefault(name, []).append(row)
    found = {}
    for name, rows in sorted(members.items()):
        if len(rows) >= LEAST_REPORTS:
            found[name] = np.zeros(len(reports), dtype=np.bool_)
            found[name][rows] = True
    return found


def no_group_worse(holdout: Holdout, answers: Floats, before: Floats) -> list[Check]:
    """Check that no group lost much; probabilities (n, 5) that candidate and champion give."""
    right, right_before = (each.argmax(axis=1) + 1 == holdout.judged.truth for each in (answers, before))
    found = losses(groups_of(holdout.reports), right, right_before)
    return [Check("group", not found, ", ".join(found))]


def losses(groups: Mapping[str, Flags], right: Flags, right_before: Flags) -> list[str]:
    """Groups that lost much, in words; `right` and `right_before` (n,): whether candidate and champion were right."""
    lost, won = right_before & ~right, right & ~right_before
    counts = {
        name: (int((lost & rows).sum()), int((won & rows).sum()), int(rows.sum())) for name, rows in groups.items()
    }
    chances = {name: float(binom.sf(worse - 1, worse + better, 0.5)) for name, (worse, better, _) in counts.items()}
    found = []
    for place, name in enumerate(sorted(chances, key=chances.__getitem__)):
        if chances[name] > CHANCE / (len(chances) - place):
            break
        worse, better, n = counts[name]
        if (worse - better) / n > MUCH_WORSE:
            found.append(f"{name} lost {(worse - better) / n:.3f} of accuracy over {n} reports")
    return found


def _groups(report: CrimeReport) -> Iterator[str]:
    agency, place = report.agency_id, report.location.agency_place_type or report.location.place_type
    yield f"agency {agency}"
    if report.location.area:
        yield f"area {agency}/{report.location.area}"
    if place:
        yield f"place type {agency}/{place}"
    if report.source:
        yield f"source {report.source}"
