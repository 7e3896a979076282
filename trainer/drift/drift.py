"""Drift: whether reports, scores, labels or errors are no longer what the model learned from.

Days are compared, the newest ones with those before, each whole: so day and night are no drift, and with a week against
a year neither weekdays nor seasons are. The reference ends where the champion's data end, so a model that is refitted
daily is only warned of what is sudden, and one that is not, also of what is slow. Of errors ADWIN keeps watch (Bifet
and Gavalda 2007), over each day's labels in an order that knows no hours.

Many things are tested every day. Each test is given an equal part of the chance `FALSE_A_YEAR` (Bonferroni), so that a
year without any change raises that many alarms or fewer on average. What is found on one day is one alarm; then the
reference begins anew with the days that raised it, and rests until these are enough.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN

from trainer.drift.two_samples import Counts, Tested, missing, psi, unseen

FALSE_A_YEAR: Final = 0.1
"""Alarms that a year without a change may raise, on average."""

MISSING: Final = ""
"""Stands for a value that a report does not give."""

_NOT_GIVEN: Final = (MISSING,)

MOST_VALUES: Final = 2_000
"""Values of one input on one day; further ones count as one, so that a flood of nonsense takes no memory."""

OTHERS: Final = "(others)"

ERROR_RISE: Final = 0.03
"""Rise of the share of wrong levels that matters."""


@dataclass(frozen=True, slots=True)
class Spans:
    """In days that have reports: how many are compared with how many before, and how many the latter must be.

    `least`: values that the newest days must hold for a test.
    """

    current: int = 7
    reference: int = 364
    reference_least: int = 28
    least: int = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """What drifted: `kind` is psi, missing, unseen or error; `what` the input, `score`, or `label` and `error` with the
    basis."""

    kind: str
    what: str
    tested: Tested


@dataclass(frozen=True, slots=True)
class Alarm:
    """All that was found at the end of one day."""

    day: date
    findings: tuple[Finding, ...]

    @property
    def told(self) -> list[str]:
        """Each finding in a few words."""
        return [f"{one.kind} {one.what} {one.tested.value:.3f} > {one.tested.bound:.3f}" for one in self.findings]


@dataclass(slots=True)
class _Day:
    """Counts of one day: values by input, and by basis the errors, with the order in which to look at them."""

    values: dict[str, Counter[str]] = field(default_factory=dict)
    errors: dict[str, list[tuple[int, bool]]] = field(default_factory=dict)


_Days = Sequence[tuple[date, Mapping[str, Counter[str]]]]
"""Closed days with their counts by input, oldest first."""


class Drift:
    """Takes what comes, by day, and tells at each day's end what has drifted. Days may come in any order until then."""

    def __init__(self, spans: Spans | None = None) -> None:
        self._spans = spans or Spans()
        self._open: dict[date, _Day] = {}
        self._closed: list[tuple[date, Mapping[str, Counter[str]]]] = []
        self._adwins: dict[str, ADWIN] = {}
        self._least: dict[str, float] = {}
        self._begin: date | None = None
        self._learned: date | None = None
        self.tested: dict[tuple[str, str], Tested] = {}
        """What was last tested, by kind and what."""

    def learned_until(self, day: date) -> None:
        """The last day of what the champion was fitted to."""
        self._learned = day

    def took(self, day: date, values: Mapping[str, Sequence[str]]) -> None:
        """A report or a decision came: its values by input; none are counted as not given."""
        counts = self._day(day).values
        for name, found in values.items():
            counter = counts.get(name)
            if counter is None:
                counter = counts[name] = Counter()
            for value in found or _NOT_GIVEN:
                counter[value if value in counter or len(counter) < MOST_VALUES else OTHERS] += 1

    def judged(self, day: date, basis: str, level: int, wrong: bool, order: int) -> None:
        """A label came. `order`: anything that has nothing to do with the hour."""
        self.took(day, {f"label {basis}": (str(level),)})
        self._day(day).errors.setdefault(basis, []).append((order, wrong))

    def close(self, today: date) -> list[Alarm]:
        """Judge all open days before `today`, in order, those that found something."""
        alarms = []
        for day in sorted(day for day in self._open if day < today):
            found = self._close(day, self._open.pop(day))
            if found:
                alarms.append(Alarm(day, tuple(found)))
                self._begin = self._closed[-self._spans.current :][0][0]
                self._adwins.clear()
                self._least.clear()
        return alarms

    def _day(self, day: date) -> _Day:
        """A day that is closed already takes nothing more: what comes late counts where it comes."""
        last = self._closed[-1][0] if self._closed else date.min
        if day <= last:
            day = min(self._open, default=date.fromordinal(last.toordinal() + 1))
        return self._open.setdefault(day, _Day())

    def _close(self, day: date, counts: _Day) -> list[Finding]:
        self._closed.append((day, counts.values))
        self._forget()
        found = [*self._errors(counts.errors)]
        days = [one for one in self._closed if self._begin is None or one[0] >= self._begin]
        current, before = days[-self._spans.current :], days[: -self._spans.current]
        known = [one for one in before if self._learned is None or one[0] <= self._learned]
        reference = (known if len(known) >= self._spans.reference_least else before)[-self._spans.reference :]
        self.tested = {key: one for key, one in self.tested.items() if key[0] == "error"}
        if len(current) < self._spans.current or len(reference) < self._spans.reference_least:
            return found
        names = sorted({name for _, values in current for name in values})
        chance = FALSE_A_YEAR / 365 / (3 * len(names) + 3)
        for name in names:
            for kind, tested in self._test(name, reference, current, chance):
                self.tested[kind, name] = tested
                if tested.drifted:
                    found.append(Finding(kind, name, tested))
        return found

    def _forget(self) -> None:
        """Drop days that no test needs: those before the newest, and before those that the champion learned from."""
        newest = self._closed[-self._spans.reference - self._spans.current :]
        older = self._closed[: -len(newest)]
        learned = [day for day, _ in self._closed if self._learned is not None and day <= self._learned]
        first = learned[-self._spans.reference :][0] if learned else date.max
        self._closed = [one for one in older if first <= one[0] <= (self._learned or date.min)] + newest

    def _test(self, name: str, reference: _Days, current: _Days, chance: float) -> list[tuple[str, Tested]]:
        counts, silent = _matrix(name, [*reference, *current])
        told = counts[:, ~silent]
        results: list[tuple[str, Tested | None]] = []
        halves = np.stack([counts[:, silent].sum(axis=1), told.sum(axis=1)], axis=1)
        for kind, test, matrix in (("missing", missing, halves), ("psi", psi, told), ("unseen", unseen, told)):
            before, now = matrix[: len(reference)], matrix[len(reference) :].sum(axis=0)
            if min(before.sum(), now.sum()) >= self._spans.least:
                results.append((kind, test(before, now, chance)))
        return [(kind, tested) for kind, tested in results if tested is not None]

    def _errors(self, errors: Mapping[str, list[tuple[int, bool]]]) -> list[Finding]:
        """ADWIN says when the share of wrong levels is another one; what matters is how far it rose above the least
        that it had been, so that a slow slide, step by step, is one rise."""
        found = []
        for basis, ones in sorted(errors.items()):
            if basis not in self._adwins:
                self._adwins[basis] = ADWIN(delta=FALSE_A_YEAR / 365 / 3)  # type: ignore[no-untyped-call]  # river's
            adwin = self._adwins[basis]
            before, cut = float(adwin.estimation), False
            for _, wrong in sorted(ones):
                adwin.update(float(wrong))  # type: ignore[no-untyped-call]  # river's
                cut |= adwin.drift_detected
            now = float(adwin.estimation)
            if cut:
                self._least[basis] = min(self._least.get(basis, before), now)
            tested = Tested(now - self._least[basis] if cut else 0.0, ERROR_RISE)
            self.tested["error", f"error {basis}"] = tested
            if tested.drifted:
                found.append(Finding("error", f"error {basis}", tested))
        return found


def _matrix(name: str, days: _Days) -> tuple[Counts, npt.NDArray[np.bool_]]:
    """Counts (days, values) of one input, and which of the values means that it was not given."""
    place = {value: at for at, value in enumerate({value for _, values in days for value in values.get(name, ())})}
    matrix = np.zeros((len(days), len(place)))
    for row, (_, values) in enumerate(days):
        for value, count in values.get(name, {}).items():
            matrix[row, place[value]] = count
    return matrix, np.array([value == MISSING for value in place], dtype=np.bool_)
