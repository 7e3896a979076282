"""What one check found, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`warn`: it works and will hurt some day. `fail`: it does not work. `do` says how to mend it."""

    check: str
    state: State
    told: str
    do: str = ""


@dataclass(slots=True)
class Findings:
    """In the order of the checks."""

    found: list[Finding] = field(default_factory=list)

    def ok(self, check: str, told: str) -> None:
        """It is as it should be."""
        self.found.append(Finding(check, "ok", told))

    def warn(self, check: str, told: str, do: str) -> None:
        """It works and will hurt some day."""
        self.found.append(Finding(check, "warn", told, do))

    def fail(self, check: str, told: str, do: str) -> None:
        """It does not work."""
        self.found.append(Finding(check, "fail", told, do))

    @contextmanager
    def looking(self, check: str, do: str, state: Literal["warn", "fail"] = "fail") -> Iterator[None]:
        """A check that cannot be made is a finding itself, and keeps no other from being made."""
        from cli.errors import in_words

        try:
            yield
        except Exception as error:
            if (said := in_words(error)) is None:
                raise
            self.found.append(Finding(check, state, said, do))
