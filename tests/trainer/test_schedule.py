"""Promises of the schedule, on a clock of our own."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from trainer.training.schedule import Past, Schedule, Trigger

ZONE = ZoneInfo("America/Los_Angeles")
SCHEDULE = Schedule(first_outcomes=400, daily_at=time(3, 30), zone=ZONE)
NOON = datetime(2026, 5, 4, 12, tzinfo=ZONE)


def test_the_first_training_begins_with_the_first_n_outcomes() -> None:
    assert SCHEDULE.due(NOON, 399, Past()) is None
    assert SCHEDULE.due(NOON, 400, Past()) is Trigger.FIRST


def test_until_something_is_released_it_is_tried_again_daily_and_with_as_many_new_outcomes() -> None:
    past = Past(NOON, outcomes=400, released=False)
    assert SCHEDULE.due(NOON + timedelta(hours=3), 700, past) is None
    assert SCHEDULE.due(NOON + timedelta(hours=3), 800, past) is Trigger.FIRST
    assert SCHEDULE.due(NOON + timedelta(days=1), 401, past) is Trigger.DAILY


def test_it_trains_once_a_day_at_the_hour() -> None:
    past = Past(NOON, outcomes=400, released=True)
    before, after = datetime(2026, 5, 5, 3, 29, tzinfo=ZONE), datetime(2026, 5, 5, 3, 30, tzinfo=ZONE)
    assert SCHEDULE.due(before, 500, past) is None
    assert SCHEDULE.due(after, 500, past) is Trigger.DAILY
    assert SCHEDULE.due(after + timedelta(hours=5), 600, Past(after, 500, True)) is None


def test_days_that_were_missed_are_caught_up_once() -> None:
    now = NOON + timedelta(days=9)
    assert SCHEDULE.due(now, 500, Past(NOON, 400, True)) is Trigger.DAILY
    assert SCHEDULE.due(now + timedelta(minutes=1), 501, Past(now, 500, True)) is None


def test_without_a_new_outcome_there_is_nothing_to_learn() -> None:
    assert SCHEDULE.due(NOON + timedelta(days=2), 400, Past(NOON, 400, True)) is None


def test_many_new_outcomes_are_a_reason_after_the_cool_down() -> None:
    schedule = Schedule(400, time(3, 30), ZONE, every_outcomes=1000, cool_down=timedelta(minutes=10))
    past = Past(NOON, 400, True)
    assert schedule.due(NOON + timedelta(minutes=30), 1399, past) is None
    assert schedule.due(NOON + timedelta(minutes=5), 1400, past) is None
    assert schedule.due(NOON + timedelta(minutes=10), 1400, past) is Trigger.OUTCOMES


def test_drift_is_a_reason_at_once_but_not_within_the_cool_down_nor_without_anything_new_to_learn() -> None:
    schedule = Schedule(400, time(3, 30), ZONE, cool_down=timedelta(hours=1))
    past = Past(NOON, 400, True)
    assert schedule.due(NOON + timedelta(minutes=59), 401, past, drifted=True) is None
    assert schedule.due(NOON + timedelta(minutes=60), 401, past, drifted=True) is Trigger.DRIFT
    assert schedule.due(NOON + timedelta(minutes=60), 401, past) is None
    assert schedule.due(NOON + timedelta(minutes=60), 400, past, drifted=True) is None


def test_a_training_that_failed_is_tried_again_after_the_cool_down_and_not_only_the_next_day() -> None:
    schedule = Schedule(400, time(3, 30), ZONE, cool_down=timedelta(hours=1))
    failed = Past(NOON, 400, True, failed=True)
    assert schedule.due(NOON + timedelta(minutes=59), 400, failed) is None
    assert schedule.due(NOON + timedelta(minutes=60), 400, failed) is Trigger.RETRY
    assert schedule.due(NOON, 400, Past(NOON - timedelta(hours=1), 400, failed=True)) is Trigger.RETRY


@pytest.mark.parametrize("changes", [datetime(2026, 3, 8, 12, tzinfo=UTC), datetime(2026, 11, 1, 12, tzinfo=UTC)])
@pytest.mark.parametrize("hour", [0, 1, 2, 3])
def test_there_is_one_run_a_day_when_the_clocks_change(changes: datetime, hour: int) -> None:
    schedule = Schedule(1, time(hour, 30), ZONE)
    moments = [changes - timedelta(days=2) + timedelta(minutes=5 * n) for n in range(4 * 288)]
    runs = sorted({schedule.latest_run(now) for now in moments})
    assert len({run.astimezone(ZONE).date() for run in runs}) == len(runs) == 5
    assert all(schedule.latest_run(now) <= now for now in moments)
