"""What the loyalty service tells so that its rows can be made anew: what is set apart, asked for, given and bought.

Each fact has the whole row, but what people wrote in it; of one row the latest holds.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.events.envelope import EventData
from shared.events.topics import LOYALTY


class HoldChanged(EventData, type="tam.loyalty.hold_changed.v1", topic=LOYALTY):
    """Points of the person `subject` are set apart, for longer or shorter than before, or no more.

    The whole hold, as it is; of one the highest `version` holds. Of its points `captured` were spent, the rest is back.
    By the database's clock it lasts until `expires_at`, unless it ends before.
    """

    hold_id: UUID
    wallet: str
    points: int
    captured: int
    state: Literal["open", "captured", "released", "expired"]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    version: int


class AdjustmentChanged(EventData, type="tam.loyalty.adjustment_changed.v1", topic=LOYALTY):
    """Somebody asked to give points to the person key `subject` by hand, or take them; or it was decided.

    The whole request, but what was written about it in words. A decision stands: it is not followed by another.
    """

    adjustment_id: UUID
    wallet: str
    points: int
    reason: str
    reference: str | None = None
    expires_at: datetime | None = None
    state: Literal["waiting", "posted", "refused"]
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None = None
    decided_by: str | None = None


class PointsTransferred(EventData, type="tam.loyalty.points_transferred.v1", topic=LOYALTY):
    """The person key `subject` gave points to another, who got them less the fee: once for both. `day` is its."""

    transfer_id: UUID
    recipient_id: UUID
    wallet: str
    points: int
    fee: int
    day: date
    by: str


class TierKept(EventData, type="tam.loyalty.tier_kept.v1", topic=LOYALTY):
    """The person `subject` stays in the tier of a track, but until another moment than was said, or since another.

    Its `version` counts with that of `TierChanged`.
    """

    track: str
    tier: str | None
    rank: int
    version: int
    valid_until: datetime | None = None
    since: datetime | None = None


class TierGranted(EventData, type="tam.loyalty.tier_granted.v1", topic=LOYALTY):
    """The person key `subject` was given a tier of a track by hand until an instant; None: for good, or none at all.

    What the person holds by it, and that they do, is told by `TierChanged`. Why it was given is told to nobody.
    """

    grant_id: UUID
    track: str
    tier: str | None
    until: datetime | None = None
    by: str


class RewardStocked(EventData, type="tam.loyalty.reward_stocked.v1", topic=LOYALTY):
    """A reward was put into the catalogue or changed: there were ever `stock` units of it; None: as many as are wanted.

    The reward is the `subject`; of it the highest `version` holds.
    """

    stock: int | None
    version: int


class _Purchase(EventData, type="tam.loyalty.reward_purchase.v1", topic=LOYALTY):
    """A purchase of a reward by the person key `subject`, whole: paid with points, where it says so of a `pool`."""

    purchase_id: UUID
    reward_id: UUID
    quantity: int
    wallet: str
    points: int
    vouchers: list[UUID]
    reference: str | None = None
    pool: UUID | None = None
    ordered_at: datetime
    ordered_by: str
    settled_at: datetime | None = None
    settled_by: str | None = None


class RewardOrdered(_Purchase, type="tam.loyalty.reward_ordered.v1", topic=LOYALTY):
    """Somebody bought units of a reward with points, that have to be handed over."""


class RewardFulfilled(_Purchase, type="tam.loyalty.reward_fulfilled.v1", topic=LOYALTY):
    """What somebody bought was handed over; at once, where it was never told to be ordered."""


class RewardCancelled(_Purchase, type="tam.loyalty.reward_cancelled.v1", topic=LOYALTY):
    """What somebody bought was not handed over: points and units are back."""
