"""What a quote promises: that points pay, until a moment, by the terms of the moment it was made."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.payment import Rate, fewest, worth


class Promise(NamedTuple):
    """The key `owner` may have `person` pay with up to `points` per order by `rate`, until `expires_at`.

    `is_over` says whether that is past, by the clock that judges it.
    """

    id: UUID
    person: UUID
    owner: str
    rate: Rate
    points: int
    created_at: datetime
    expires_at: datetime
    is_over: bool = False

    @property
    def minor(self) -> int:
        """What they pay, in minor units."""
        return worth(self.rate, self.points)


def refusal(rate: Rate, points: int) -> str | None:
    """Why so many points buy nothing, whatever the basket; None: they pay."""
    if points < rate.minimum_points:
        return "below_minimum"
    return None if fewest(rate, points) else "worth_nothing"
