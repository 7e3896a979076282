"""Whether new labels look as if somebody had tampered with them: what a gate that compares twins cannot see.

Labels that came since the champion was made are in no twin as far as they are about the newest reports, and few of them
hardly move a twin's figures. So they are looked at themselves, by a model that has not learned them:

- **An agency's labels**: how much likelier they are where a share of them was turned into other levels than where the
  model is right, in nats, which is the best that there is to tell these two apart (Neyman and Pearson 1933); beyond
  what the model expected of the report, and beyond what its labels of the same basis usually are. The excess of each
  agency, over all its new labels and over each day on which they became known, is held against what a mean of as many
  usual ones might be: by a Pearson type III distribution (Pearson 1895) with their variance and skewness, since few
  labels hold most of it; with Bonferroni's correction. A steep real change looks the same, so it asks for a person,
  who may promote the release; a slow one stays below `LEAST_EXCESS`. `python -m bench.gate` counts what gets through.
- **A flood**: reports that say the same (what happened, where sort of, weapons, circumstances; not who, when and the
  exact place) are a far greater share of the new ones than of the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, pearson3, skew

from schemas.crime_report import CrimeReport
from severity.encoders import LEVELS
from severity.facts import Gate
from severity.model import SeverityModel
from trainer.judging.gate import Check
from trainer.training.lessons import Lesson, changed
from trainer.training.training_set import TrainingSet

LEAST_LABELS: Final = 30
"""New labels of an agency, and usual ones to hold them against, from which a mean of them tells anything."""

ENOUGH_LABELS: Final = 100
"""Usual labels of an agency from which it is held against its own, and not against those of all."""

FLIPPED: Final = 0.3
"""Share of an agency's labels turned into others, evenly, that is looked for; others are found as well."""

LEAST_PROBABILITY: Final = 1e-3
"""Of a level, below which the model is not taken at its word, so that a few odd labels do not make a mean."""

LEAST_EXCESS: Final = 0.25
"""Nats by which the mean must lie above the usual one: a tenth of the labels flipped, or about that."""

CHANCE: Final = 1 / 365
"""With which one training's new labels are wrongly suspected, all tests together: once in a year of daily ones."""

FLOOD_SHARE: Final = 0.05
"""Of the new reports, by which those that say the same exceed their share of the others."""

LEAST_FLOOD: Final = 20
"""Reports that say the same from which they are a flood."""

MOST: Final = 20_000
"""New labels, and others, that are looked at: the newest."""

COUNTS: Final = ("victims:", "suspects:")
"""Facts that may differ among reports that say the same."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """Labels (n,) and the probabilities (n, 5) that a model which had not learned them gave.

    new: came since the champion was made. day: on which each became known.
    """

    agency: npt.NDArray[np.object_]
    basis: npt.NDArray[np.str_]
    day: npt.NDArray[np.datetime64]
    levels: npt.NDArray[np.int64]
    probabilities: Floats
    new: npt.NDArray[np.bool_]


def suspicions(
    labelled: TrainingSet, now: Lesson, then: Lesson | None, twin: SeverityModel | None, cut: int
) -> list[Check]:
    """Look at what came since the champion was made; no checks without one.

    now, then: what is known, and what the champion was taught. twin: of the champion, fitted to what was filed before
    row `cut`.
    """
    if then is None or twin is None:
        return []
    fresh = changed(now, then)
    new, old = np.flatnonzero(fresh)[-MOST:], np.flatnonzero(~fresh)[-MOST:]
    rows = np.union1d(new, old[old >= cut])  # of the others only those that the twin has not learned
    scored = Scored(
        agency=labelled.agency[rows],
        basis=labelled.basis[rows],
        day=labelled.known_at[rows].astype("datetime64[D]"),
        levels=labelled.levels[rows],
        probabilities=twin.predict_proba(labelled.reports[rows]),
        new=fresh[rows],
    )
    odd, same = odd_labels(scored), flood(labelled.reports[new], labelled.reports[old])
    return [Check("poisoned-labels", not odd, odd), Check("flood", not same, same)]


def odd_labels(scored: Scored) -> str:
    """Agencies whose new labels contradict the model far more than its others do, in words; empty if none."""
    excess = _excess(scored)
    wrong = scored.probabilities.argmax(axis=1) + 1 != scored.levels
    by_agency = {agency: _stretches(scored, agency) for agency in sorted(set(scored.agency[scored.new].tolist()))}
    tests = sum(map(len, by_agency.values()))
    found = []
    for agency, stretches in by_agency.items():
        usual, whose = ~scored.new & (scored.agency == agency), "its"
        if usual.sum() < ENOUGH_LABELS:
            usual, whose = ~scored.new, "all"
        odd = [one for one in stretches if usual.sum() >= LEAST_LABELS and _odd(excess[one[1]], excess[usual], tests)]
        if odd:
            when, rows = odd[0]
            found.append(
                f"{wrong[rows].mean():.0%} of {rows.sum()} new labels of {agency}{when} disagree with what was learned"
                f" before, {wrong[usual].mean():.0%} of {whose} earlier ones"
            )
    return "; ".join(found)


def flood(new: Sequence[CrimeReport], others: Sequence[CrimeReport]) -> str:
    """Reports that say the same and are far more of the `new` ones than of the `others`, in words; empty if none."""
    if not len(new) or not len(others):
        return ""
    gate = Gate()
    said: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    for report in new:
        saying = _saying(gate, report)
        said.setdefault(saying, f"{report.agency_id}/{report.report_id}")
        counts[saying] += 1
    usual = Counter(_saying(gate, report) for report in others)
    found = []
    for saying, count in counts.most_common():
        share, before = count / len(new), (usual[saying] + 1) / (len(others) + 1)
        if count < LEAST_FLOOD or share < FLOOD_SHARE:
            break
        if share >= before + FLOOD_SHARE and binom.sf(count - 1, len(new), before) <= CHANCE / len(counts):
            found.append(
                f"{count} of {len(new)} newly labelled reports ({share:.0%}) say the same as {said[saying]},"
                f" {before:.1%} of the others do"
            )
    return "; ".join(found)


def _excess(scored: Scored) -> Floats:
    """Log-likelihood ratio of each label beyond what was expected, and beyond the usual excess of its basis."""
    p = scored.probabilities
    likely = np.maximum(p, LEAST_PROBABILITY)
    ratio = np.log(1 - FLIPPED + FLIPPED * (1 - likely) / (LEVELS - 1) / likely)
    excess = ratio[np.arange(len(p)), scored.levels - 1] - (p * ratio).sum(axis=1)
    for basis in np.unique(scored.basis):
        mine = scored.basis == basis
        usual = mine & ~scored.new
        if usual.sum() >= LEAST_LABELS:
            excess[mine] -= excess[usual].mean()
    return np.asarray(excess)


def _stretches(scored: Scored, agency: str) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """All new labels of an agency, and those of each of its days, in words; those with enough labels to tell."""
    mine = scored.new & (scored.agency == agency)
    days = np.unique(scored.day[mine]).tolist()
    each = [(f" known on {day}", mine & (scored.day == np.datetime64(day))) for day in days if len(days) > 1]
    return [(when, rows) for when, rows in [("", mine), *each] if rows.sum() >= LEAST_LABELS]


def _odd(new: Floats, usual: Floats, tests: int) -> bool:
    """Whether the mean of the `new` excess lies far above the usual, by more than one of `tests` might by chance."""
    rise = float(new.mean() - usual.mean())
    n, m = len(new), len(usual)
    spread = usual.std() * np.sqrt(1 / n + 1 / m)
    lean = float(skew(usual)) * (1 / n**2 - 1 / m**2) / (1 / n + 1 / m) ** 1.5
    return bool(rise >= LEAST_EXCESS and pearson3.sf(rise, lean, 0.0, spread) <= CHANCE / tests)


def _saying(gate: Gate, report: CrimeReport) -> tuple[str, ...]:
    return (report.agency_id, *(fact for fact in gate.facts(report).core if not fact.startswith(COUNTS)))
