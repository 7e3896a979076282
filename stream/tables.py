"""The tables that decide beside the model, and the assessor that they make with a release."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from severity.assess import Assessor, Release
from severity.policy import Policy
from severity.rules import Rules
from severity.scheme import Schemes
from severity.wording import Wording
from stream.settings import ScorerSettings


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

    def assessor(self, release: Release | None, on_failure: Callable[[Exception], None]) -> Assessor:
        """With the release's model, or with None the rules alone. `on_failure`: see `Assessor`."""
        return Assessor(self.rules, self.schemes, self.policy, self.wording, release, on_failure)
