"""The room where people wait until they are let in, so many a second, in the order they came."""

from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple
from uuid import UUID


class RoomTerms(NamedTuple):
    """How many are let in a second, and how long each may then claim."""

    per_second: float
    pass_seconds: int


class Room(NamedTuple):
    """A room as it stood `at` a moment: numbers up to `admitted` were let in at `since`, then `per_second` more.

    `since` None: nobody is let in, for the sale is paused. Nobody knows who of those before somebody has gone home: a
    number is let in when its time comes, not before, so what is said of the time is true as long as nobody pauses.
    """

    sale_id: UUID
    per_second: float
    pass_seconds: int
    admitted: float
    since: datetime | None
    last_number: int
    at: datetime

    def level(self, at: datetime) -> float:
        """The number up to which people are let in at a moment."""
        if self.since is None:
            return self.admitted
        return self.admitted + self.per_second * max(0.0, (at - self.since).total_seconds())

    def is_in(self, number: int, at: datetime) -> bool:
        """Whether a number is let in."""
        return number <= self.level(at)

    def ahead(self, number: int, at: datetime) -> int:
        """How many are let in before a number that waits, from a moment on."""
        return max(0, ceil(number - self.level(at)) - 1)

    def turn_at(self, number: int) -> datetime | None:
        """When a number is let in, or was at the latest; None while nobody is."""
        if self.since is None:
            return None
        return self.since + timedelta(seconds=max(0.0, number - self.admitted) / self.per_second)

    def pass_until(self, number: int) -> datetime | None:
        """Until when a number may claim; None while nobody is let in, for then no time passes."""
        turn = self.turn_at(number)
        return None if turn is None else turn + timedelta(seconds=self.pass_seconds)
