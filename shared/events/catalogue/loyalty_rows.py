"""What the loyalty service tells so that its rows can be made anew: from holds to the closing of books.

Each fact has the whole row, but what people wrote in it; of one row the latest holds.
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

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


class PoolSpent(EventData, type="tam.loyalty.pool_spent.v1", topic=LOYALTY):
    """The person key `subject` spent points of a pool, or set them apart; or it is known as what, or some came back.

    The whole spend: it is known as what (`operation` of the ledger) once, and `returned` only grows. `day` is its.
    """

    spend_id: UUID
    pool_id: UUID
    wallet: str
    points: int
    returned: int
    is_hold: bool
    reference: str | None = None
    recorded_at: datetime
    by: str
    operation: str | None = None
    day: date


class RevenueClosed(EventData, type="tam.loyalty.revenue_closed.v1", topic=LOYALTY):
    """The books of deferred revenue (IFRS 15) were closed up to the end of a month, by its first day."""

    month: date
    closed_at: datetime
    by: str


class RevenueCohortClosed(EventData, type="tam.loyalty.revenue_cohort_closed.v1", topic=LOYALTY):
    """What stood of points earned in the month `cohort` when another `month` was closed, in minor units of `currency`.

    Both since the beginning. They are never changed: what turns out later falls into the next period.
    """

    month: date
    wallet: str
    currency: str
    cohort: date
    deferred_minor: int
    recognised_minor: int


class ReferralCodeMade(EventData, type="tam.loyalty.referral_code_made.v1", topic=LOYALTY):
    """The person key `subject` may bring friends to a referral programme, with a code that is made to be shared."""

    code: str
    program_id: UUID
    created_at: datetime


class ReferralChanged(EventData, type="tam.loyalty.referral_changed.v1", topic=LOYALTY):
    """The friend `subject` came with the code of `advocate_id`; or staff decided of it; or a merge hinders it.

    The whole referral, but what staff wrote; its terms are those of its programme. The highest `version` holds.
    """

    referral_id: UUID
    program_id: UUID
    advocate_id: UUID
    code: str
    state: Literal["active", "review", "blocked", "rejected"]
    reasons: list[str]
    hindrance: Literal["self", "already_referred", "cycle"] | None = None
    registered_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    delay_days: int
    version: int


class ReferralMoved(EventData, type="tam.loyalty.referral_moved.v1", topic=LOYALTY):
    """What became of a milestone of the referral of the friend `subject`, whole; the highest `version` holds."""

    referral_id: UUID
    milestone: str
    state: Literal["review", "held", "paid", "taken_back", "lost"]
    qualified_at: datetime | None = None
    order_id: str | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None
    problem: str | None = None
    version: int


class FlashItemStocked(EventData, type="tam.loyalty.flash_item_stocked.v1", topic=LOYALTY):
    """There are so many `units` of an item of a flash sale by now: they only grow. The item is the `subject`."""

    sale: UUID
    item: str
    units: int
    max_per_person: int | None = None


class FlashHold(TypedDict, total=False):
    """When units were held that had to be paid first, until when they could be, and by which order they were."""

    claimed_at: datetime
    expires_at: datetime
    order_id: str | None


class FlashClaimChanged(EventData, type="tam.loyalty.flash_claim_changed.v1", topic=LOYALTY):
    """The person key `subject` holds units of an item of a flash sale until `expires_at`; or they are back.

    The whole claim, but what the shop calls it; that it was paid in time is told by `FlashClaimed`.
    """

    claim_id: UUID
    sale: UUID
    item: str
    units: int
    number: int
    state: Literal["held", "released", "expired"]
    claimed_at: datetime
    expires_at: datetime
    settled_at: datetime | None = None


class FlashLotChanged(EventData, type="tam.loyalty.flash_lot_changed.v1", topic=LOYALTY):
    """What became of the ticket of the person key `subject` for an item of a flash sale, as it is by its `version`."""

    entry_id: UUID
    sale: UUID
    item_id: UUID
    units: int
    state: Literal["waiting", "won", "claimed", "lapsed", "withdrawn", "duplicate"]
    place: int | None = None
    entered_at: datetime
    won_at: datetime | None = None
    right_until: datetime | None = None
    claim_id: UUID | None = None
    version: int


class FlashDrawHeld(EventData, type="tam.loyalty.flash_draw_held.v1", topic=LOYALTY):
    """Lots were drawn for the flash sale `subject`, with the seed (hexadecimal) whose hash was promised."""

    seed: str
    drawn_at: datetime


class FlashItemDrawn(EventData, type="tam.loyalty.flash_item_drawn.v1", topic=LOYALTY):
    """So many `entries` counted when lots were drawn for the item `subject`; `digest`: of their tickets, as hex."""

    sale: UUID
    entries: int
    digest: str
