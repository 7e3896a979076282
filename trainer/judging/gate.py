"""Whether a new model may go before responders. Pure: figures in, a verdict with its reasons out.

A candidate must be worth trusting by itself (enough to learn from, better than the most frequent level, calibrated),
must not be worse than what there is (the champion, and, so that a small loss a day does not add up, the first release
and the best of the last ones), must not lose the reports that matter most (level 5; domestic ones) nor a group of
reports, and must not rest on labels that look tampered with. What fails is published as challenger, with the reasons.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from trainer.judging.evaluation import ALL, GUARDED, TOP, Evaluation

MOST: Final = 2000
"""Characters of a verdict, as a manifest takes them."""

HELD: Final = "held"
"""Why what is good enough does not pass: a person put the champion back, and a person lets the next one score."""

LEAST_ROWS: Final = 200
"""Labelled reports to fit anything at all; over fewer, macro-F1 on a fifth of them is little more than noise."""

LEAST_LEVELS: Final = 2
"""Levels that must occur among the reports to learn from."""

SURE_ROWS: Final = 2000
"""Reports after the cut that are judged, where there are as many; over fewer a model may be calibrated worse."""

MARGINS: Final[Mapping[str, float]] = {"accuracy": 0.01, "macro_f1": 0.02}
"""By how much a candidate may be worse than another model, at the bad end of the paired interval of 95 %, where that is
no wider than the margin: of two models that are equally good such an interval shows it in 39 of 40 cases."""

LOOSE: Final = 3.0
"""Times the margin by which the difference itself may fall short where the interval is wider: over few reports, and
over many that stand for all by an audit's weights. Equally good models would be refused more often than not there."""

GOLDEN: Final = 0.3
"""Mean total variation distance up to which a release and its twin agree on the golden reports. The release has learned
the newest reports in addition, and golden reports are odd mixtures: of the simulated city they are .10 (8,000 labels)
to .22 (500 labels) apart. What lies beyond has become another model."""

CALIBRATION: Final = 0.1
LOOSE_CALIBRATION: Final = 0.15
"""Calibration error that a candidate may have beyond what the same number of reports shows of a perfect one; and over
fewer than `SURE_ROWS`, when models are too sure of the little that they have seen. Measured on the simulated city: .10
to .16 with 1,000 to 2,000 labels, .01 with 100,000."""


Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition. `code`: short, for counters; `text`: what was found, with the figures."""

    code: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`text` is for people and goes into the manifest; `reason` is the code of the first failure, empty when passed."""

    passed: bool
    text: str
    reason: str = ""

    def held(self, why: str | None) -> "Verdict":
        """The same, but what passed waits for a person, when there is a reason."""
        return self if why is None or not self.passed else Verdict(False, f"{HELD}: {why}. {self.text}"[:MOST], HELD)


def enough(levels: npt.NDArray[np.int64]) -> Verdict:
    """Whether there is enough to fit a model to; `levels` (n,) of the older part and the newer part together."""
    if len(levels) < LEAST_ROWS:
        text = f"not fitted: {len(levels)} labelled reports are fewer than {LEAST_ROWS}"
        return Verdict(False, text, "too-few-rows")
    found = len(np.unique(levels))
    if found < LEAST_LEVELS:
        return Verdict(False, f"not fitted: all {len(levels)} labelled reports have the same level", "one-level")
    return Verdict(True, f"{len(levels)} labelled reports of {found} levels")


def verdict(checks: Iterable[Check], about: str) -> Verdict:
    """All checks together. about: what the figures are, put behind the reasons."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return Verdict(True, f"passed: {about}")
    reasons = "; ".join(f"{check.code}: {check.text}" for check in failed)
    return Verdict(False, f"refused: {reasons}. {about}"[:MOST], failed[0].code)


def in_words(evaluation: Evaluation) -> str:
    """The candidate's main figures, and the majority's, in one line."""
    f = evaluation.figures
    return (
        f"accuracy {f['accuracy']:.3f}, macro-F1 {f['macro_f1']:.3f} on the newest {f['holdout_rows']:.0f} reports"
        f" ({f[f'{ALL}accuracy']:.3f}, {f[f'{ALL}macro_f1']:.3f} as for all reports; majority"
        f" {f['majority_accuracy']:.3f}, {f['majority_macro_f1']:.3f})"
    )


def better_than_majority(evaluation: Evaluation) -> Check:
    """Better than saying the most frequent level of every report."""
    f = evaluation.figures
    better = f["accuracy"] >= f["majority_accuracy"] and f["macro_f1"] > f["majority_macro_f1"]
    return Check("no-better-than-majority", better, "no better than the majority")


def not_worse(evaluation: Evaluation, other: str) -> Check:
    """Not worse than `other` by more than the margins, in the figures that stand for all reports.

    Where the reports judged can tell, that must be shown; where they cannot, nothing may speak clearly against it.
    """
    found = []
    for figure, margin in MARGINS.items():
        one = evaluation.differences[other, f"{ALL}{figure}"]
        can_tell = one.high - one.low <= margin
        worse = one.low < -margin if can_tell else one.high < 0 or one.value < -LOOSE * margin
        if worse:
            said = f"{figure} {one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}], at least {-margin:+.3f} is allowed"
            found.append(said)
    return Check(f"worse-than-{other}", not found, ", ".join(found))


def keeps(evaluation: Evaluation, other: str) -> list[Check]:
    """The recalls that matter most are not below the interval of `other`'s."""
    checks = []
    for code, figure, of_what in (
        ("recall-of-level-5", TOP, "level 5 at the flag rate"),
        ("recall-of-domestic", GUARDED, "reports flagged domestic or protective order"),
    ):
        own, least = evaluation.figures.get(figure), evaluation.intervals.get((other, figure))
        if own is not None and least is not None and np.isfinite(least.low):
            text = f"recall of {of_what} is {own:.3f}, {other}'s {least.value:.3f} [{least.low:.3f}, {least.high:.3f}]"
            checks.append(Check(code, own >= least.low, text))
    return checks


def calibrated(evaluation: Evaluation, by_chance: float) -> Check:
    """The calibration error stays near what chance shows of a perfect model."""
    error, sure = evaluation.figures["calibration_error"], evaluation.figures["holdout_rows"] >= SURE_ROWS
    most = by_chance + (CALIBRATION if sure else LOOSE_CALIBRATION)
    return Check("calibration", error <= most, f"calibration error {error:.3f}, at most {most:.3f} is allowed")


def agrees(released: Floats, twin: Floats) -> Check:
    """What goes out says of the golden reports what its twin says; probabilities (n, 5) of both."""
    apart = float(np.abs(released - twin).sum(axis=1).mean() / 2)
    return Check("golden-rows", apart <= GOLDEN, f"release and twin are {apart:.3f} apart, at most {GOLDEN} is allowed")
