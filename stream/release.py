"""From a release to an assessor that is ready: the tables beside the model, and the warm-up before the swap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from severity.assess import Assessor
from severity.wording import Wording

from schemas.crime_report import CrimeReport
from schemas.priority import SourcePosition
from severity.policy import Policy
from severity.rules import Rules
from severity.scheme import Schemes
from stream.errors import ReleaseRefused
from stream.loader import Handover
from stream.settings import ScorerSettings

TOO_SLOW: Final = "too-slow"
"""Reason of a refusal: one report takes longer than the scorer allows."""

WARM_UP_REPORTS: Final = 20
"""Reports scored before a release is used, one at a time."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What an agency signs off, apart from any model."""

    rules: Rules
    schemes: Schemes
    policy: Policy
    wording: Wording

    @classmethod
    def load(cls, settings: ScorerSettings) -> Self:
        """The files that the settings name, or the built-in ones."""
        return cls(
            Rules.load(settings.rules),
            Schemes.load(settings.schemes),
            Policy.load(settings.policy),
            Wording.load(settings.wording),
        )

    def assessor(self, release: Handover | None, on_failure: Callable[[Exception], None]) -> Assessor:
        """With the release's model; with None, the rules' fallback alone. `on_failure`: see Assessor."""
        return Assessor(
            self.rules,
            self.schemes,
            self.policy,
            self.wording,
            scorer=release and release.scorer,
            prediction_sets=release and release.prediction_sets,
            model=release and release.model,
            on_failure=on_failure,
        )


def warm_up(
    assessor: Assessor,
    golden: Sequence[CrimeReport],
    *,
    slowest_ms: float,
    now: datetime,
    timer: Callable[[], float],
) -> None:
    """Score golden reports one at a time, so that code and caches are warm before a real one comes.

    The fastest counts, since the loop works beside this thread. Raises ReleaseRefused when even that takes longer than
    `slowest_ms`.
    """
    position = SourcePosition(topic="golden", partition=0, offset=0)
    fastest = float("inf")
    for report in golden[:WARM_UP_REPORTS]:
        began = timer()
        assessor.assess([report], [position], now)
        fastest = min(fastest, timer() - began)
    if golden and fastest * 1000 > slowest_ms:
        raise ReleaseRefused(TOO_SLOW, f"{fastest * 1000:.1f} ms for one report, at most {slowest_ms:g} ms are allowed")
