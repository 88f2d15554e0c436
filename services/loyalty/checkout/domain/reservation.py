"""The life of a reservation.

    held ──commit──▶ committed
      ├────void────▶ voided
      └───(time)───▶ expired ──commit, asked to re-acquire──▶ (stays expired; what is redeemed is redeemed anew)

It ends once. Each step is decided by one guarded statement in the database; this says which steps there are, and is
the model that the tests hold against it.
"""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.shares import Share
from services.loyalty.vouchers.domain.budgets import Charge

State = Literal["held", "committed", "voided", "expired"]
MAX_EXTENSIONS = 3


class Hold(NamedTuple):
    """One voucher of a reservation: `minor` of discount, spread over `shares`, that counts in `charges`.

    It would have been `short_minor` more, had a budget had that much left.
    """

    position: int
    campaign_id: UUID
    voucher_id: UUID
    minor: int
    shares: tuple[Share, ...]
    charges: tuple[Charge, ...] = ()
    short_minor: int = 0

    @property
    def is_promotion(self) -> bool:
        """Whether it has no code: the voucher of a promotion goes by the campaign's own id."""
        return self.voucher_id == self.campaign_id


class Paid(NamedTuple):
    """Points that pay: `points` of `wallet` for `minor`, of a household's `pool` or (None) of the person. Zero points
    have no wallet."""

    wallet: str | None
    points: int
    minor: int
    pool: UUID | None = None


NOTHING = Paid(None, 0, 0)


class Reservation(NamedTuple):
    """What is held for a checkout until `expires_at`, for the key `owner` alone."""

    id: UUID
    person: UUID
    owner: str
    order_id: str | None
    state: State
    currency: str
    total_minor: int
    holds: tuple[Hold, ...]
    paid: Paid
    extensions: int
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @property
    def discount_minor(self) -> int:
        """What its vouchers take off together."""
        return sum(hold.minor for hold in self.holds)


def state_at(reservation: Reservation, now: datetime) -> State:
    """The state as it is at `now`: a hold that nobody has swept yet has expired all the same."""
    if reservation.state == "held" and reservation.expires_at <= now:
        return "expired"
    return reservation.state


def extended_until(reservation: Reservation, now: datetime, ttl: timedelta) -> datetime | None:
    """Until when one more extension holds it, never shorter than before; None if there can be none."""
    if state_at(reservation, now) != "held" or reservation.extensions >= MAX_EXTENSIONS:
        return None
    return max(reservation.expires_at, now + ttl)
