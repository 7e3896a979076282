"""The second grader of a simulated city: one who sees some cases differently from the first.

Where codes are a real city's own, the second grader reads the same published code and always agrees: a replay's kappa
is 1 by construction, and no figure about people.
"""

from hashlib import blake2b
from typing import Final

from schemas.solved_case import Offence

DISAGREES: Final = 0.15
"""Share of the cases below that the second grader sees differently: an assumption of this simulation."""

TAKEN_FOR: Final = {
    "13A": "13B",
    "13B": "13C",
    "120": "23H",
    "220": "290",
    "23F": "23H",
    "240": "23H",
    "11D": "13B",
    "26A": "26B",
    "35A": "35B",
    "90C": "13B",
    "290": "90J",
}
"""NIBRS offences and one that people take them for: aggravated for simple assault, robbery for theft, and so on."""


def second_grade(offences: tuple[Offence, ...], request_id: str) -> tuple[Offence, ...]:
    """What the second grader calls the offences; always the same for the same request."""
    chance = int.from_bytes(blake2b(request_id.encode(), digest_size=8).digest()) / 2**64
    if chance >= DISAGREES:
        return offences
    return tuple(
        one.model_copy(update={"nibrs_code": TAKEN_FOR.get(one.nibrs_code or "", one.nibrs_code)}) for one in offences
    )
