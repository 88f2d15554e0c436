"""Time comes in through a clock, so that tests can hold it still; and it is told in zones that have names."""

from datetime import UTC, datetime
from functools import cache
from typing import Protocol
from zoneinfo import available_timezones


class Clock(Protocol):
    """Says what time it is, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@cache
def time_zones() -> frozenset[str]:
    """The names of all zones, such as Asia/Ho_Chi_Minh. To list them walks a folder, which is done once."""
    return frozenset(available_timezones())
