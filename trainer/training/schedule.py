"""When to train. Pure: it is told the time and the counts, and answers with the reason to train now, or none."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Trigger(StrEnum):
    """Why a training is due."""

    FIRST = "first-outcomes"
    DAILY = "daily"
    OUTCOMES = "new-outcomes"
    DRIFT = "drift"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Past:
    """What the schedule must know of what was: the last attempt, good or bad, and whether a release came of any.

    `outcomes` counts the outcome events that were there at the last attempt; `failed`: it ended without an answer.
    """

    attempted_at: datetime | None = None
    outcomes: int = 0
    released: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Daily at `daily_at` on the clock of `zone`; at once with the first outcomes, on drift, with so many new outcomes.

    `first_outcomes`: how many outcomes the first training waits for. As long as nothing was released, each further
    `first_outcomes` are a reason to try again at once, besides the daily run. `every_outcomes`: new outcomes since the
    last attempt that are a reason to train again, None for none. `cool_down`: least time from one attempt to the next
    for the sake of drift, of new outcomes, or because the last one failed.
    """

    first_outcomes: int
    daily_at: time
    zone: ZoneInfo
    every_outcomes: int | None = None
    cool_down: timedelta = timedelta(0)

    def due(self, now: datetime, outcomes: int, past: Past, *, drifted: bool = False) -> Trigger | None:
        """The reason to train at `now` with `outcomes` events in the dataset, None when there is none.

        Runs that were missed, for however many days, are one reason to train once. There is no run without an outcome
        since the last attempt: it would give the same model again. `drifted`: drift was found since that attempt.
        """
        cooled = past.attempted_at is None or now - past.attempted_at >= self.cool_down
        if past.failed and cooled:
            return Trigger.RETRY
        new = outcomes - past.outcomes
        if new <= 0:
            return None
        if not past.released and new >= self.first_outcomes:
            return Trigger.FIRST
        if not past.released and past.attempted_at is None:
            return None
        if past.attempted_at is None or past.attempted_at < self.latest_run(now):
            return Trigger.DAILY
        if drifted and cooled:
            return Trigger.DRIFT
        if self.every_outcomes is not None and new >= self.every_outcomes and cooled:
            return Trigger.OUTCOMES
        return None

    def latest_run(self, now: datetime) -> datetime:
        """The last moment at or before `now` at which the daily run was to begin.

        Where the clocks change, an hour that does not exist is read with the offset from before the change, and one
        that exists twice is its first (PEP 495, fold 0), so that there is one run each day of the calendar.
        """
        local = now.astimezone(self.zone)
        run = datetime.combine(local.date(), self.daily_at, self.zone)
        # Compared in absolute time: comparing within one zone would ignore the change of clocks.
        if run.timestamp() > now.timestamp():
            run = datetime.combine(local.date() - timedelta(days=1), self.daily_at, self.zone)
        return run.astimezone(now.tzinfo)
