"""Local times as published files write them, and the instants that they are."""

from datetime import UTC, datetime, time, timedelta, timezone
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

LAST_SECOND: Final = time(23, 59, 59)
"""Of a day of which no more is known: it comes before no occurrence of the day and tells a model nothing."""


def local(moment: datetime, zone: str) -> datetime:
    """The instant of a naive local time, through UTC and back, so that one which the clocks skipped becomes real.

    It carries its offset, as it does once it was encoded and read again, and not the zone: differences between two
    times of one zone leave out the hour by which the clocks were changed.
    """
    there = moment.replace(tzinfo=_zone(zone)).astimezone(UTC).astimezone(_zone(zone))
    return there.replace(tzinfo=timezone(there.utcoffset() or timedelta()))


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
