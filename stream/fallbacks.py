"""What may score in the place of a champion that cannot be had when a scorer starts. Pure."""

from collections.abc import Mapping
from typing import Final

from schemas.model_version import ModelVersion
from stream.high_water import Mark

MOST: Final = 3
"""Former champions that are tried: each takes a moment, and a scorer without a model answers by its rules."""


def candidates(refused: ModelVersion, announced: Mapping[int, ModelVersion], mark: Mark) -> list[Mark]:
    """Releases to try in the place of `refused`, the best first.

    announced: every release's own record, by number. mark: the highest release that this scorer or others used; it is
    the only candidate when it is known. Else former champions, the newest first (a challenger among them is refused by
    its own manifest), but none that a person went back from: after a rollback, what it carries or older ones.
    """
    if mark.digest:
        return [mark]
    below = refused.release - 1
    if refused.restores:
        below = max((one.release for one in announced.values() if one.digest == refused.restores), default=0)
    numbers = sorted((number for number in announced if mark.release <= number <= below), reverse=True)
    former = [announced[number] for number in numbers[:MOST]]
    return [Mark(one.release, one.digest, one.location) for one in former]
