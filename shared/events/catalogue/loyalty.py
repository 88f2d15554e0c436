"""What the loyalty service announces: person keys and facts, never a voucher's code, a name or an address."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from shared.events.catalogue.loyalty_rows import (
    AdjustmentChanged,
    FlashClaimChanged,
    FlashDrawHeld,
    FlashHold,
    FlashItemDrawn,
    FlashItemStocked,
    FlashLotChanged,
    HoldChanged,
    PointsTransferred,
    PoolSpent,
    ReferralChanged,
    ReferralCodeMade,
    ReferralMoved,
    RevenueClosed,
    RevenueCohortClosed,
    RewardCancelled,
    RewardFulfilled,
    RewardOrdered,
    RewardStocked,
    TierGranted,
    TierKept,
)
from shared.events.envelope import EventData
from shared.events.topics import LOYALTY


class LedgerLot(TypedDict, total=False):
    """A lot that came in, or of one that was there what is another by now.

    What is not there is none; but it is active, and one that came in is, of what its fact says too, what that says:
    its kind, source, points, when it was earned, from when it counts and until when.
    """

    id: UUID
    kind: str
    source: str
    reference: str
    points: int
    earned_at: datetime
    active_at: datetime
    is_active: bool
    expires_on: date
    zone: str
    expires_at: datetime
    slides: bool
    origin_id: UUID


class LedgerEntry(TypedDict, total=False):
    """All the rest of a transaction, so that the ledger can be made anew from its facts alone, hash by hash.

    What is not there is none. `wallet_id` and `opened_at` stand in the first of a wallet. Of `draws` each says a lot,
    how many points it gave (negative: got back), and where those were drawn before, the transaction that drew them.
    `standing`: what the source has earned by now, and what of it could not be taken back.
    """

    wallet_id: UUID
    opened_at: datetime
    kind: str
    account: str
    operation: str
    source: str
    actor: str
    lot: LedgerLot
    changed: list[LedgerLot]
    draws: list[tuple[UUID, int] | tuple[UUID, int, UUID]]
    standing: tuple[int, int]


class _Points(EventData, type="tam.loyalty.points.v1", topic=LOYALTY):
    """A change of the wallet of the person key `subject`.

    Of one subject and wallet `version` counts up by one: the highest holds, a gap is a fault. `available`, `pending`,
    `held` and `debt` are what this wallet has after it; a person has what their keys have together. `points` are
    those of this transaction, never negative. `next_expiring` points that can be spent end at `next_expires_at`, the
    soonest of all; None: this transaction did not look at all of them, and what was said last still holds.
    """

    transaction_id: UUID
    wallet: str
    version: int
    points: int
    available: int
    pending: int
    held: int
    debt: int
    reason: str
    reference: str | None = None
    next_expires_at: datetime | None = None
    next_expiring: int | None = None
    entry: LedgerEntry | None = None


class PointsEarned(_Points, type="tam.loyalty.points_earned.v1", topic=LOYALTY):
    """Points came in: earned, granted, transferred in, or given back. Those that are pending count from `active_at`."""

    active_at: datetime | None = None
    expires_at: datetime | None = None


class PointsSpent(_Points, type="tam.loyalty.points_spent.v1", topic=LOYALTY):
    """Points were spent: on a reward, at a checkout, or transferred out."""


class PointsExpired(_Points, type="tam.loyalty.points_expired.v1", topic=LOYALTY):
    """Points reached the end of their last day."""


class PointsReversed(_Points, type="tam.loyalty.points_reversed.v1", topic=LOYALTY):
    """Points were taken back: what they were earned for was refunded, cancelled or corrected."""


class PointsMoved(_Points, type="tam.loyalty.points_moved.v1", topic=LOYALTY):
    """Points of the wallet became active, were held or let go, or end later than they would have; none came or went.

    Of none at all where it was only noted that some could not be taken back, or can be by now.
    """


class PointsExpiring(EventData, type="tam.loyalty.points_expiring.v1", topic=LOYALTY):
    """So many points of the person key `subject` will end at `expires_at`, unless they are spent before.

    Told once for each end and each of the `days` before it that the programme names; in each wallet of a key.
    `version` is that of the wallet's last transaction: a later one may tell of another end.
    """

    wallet: str
    points: int
    expires_at: datetime
    days: int
    version: int = 0
    wallet_id: UUID | None = None


class TierChanged(EventData, type="tam.loyalty.tier_changed.v1", topic=LOYALTY):
    """The person `subject` (the root of their keys) is in another tier of a track; None: in none.

    Of one subject and track the highest `version` holds. `rank` counts from 1, the lowest tier; 0 is none.
    `corrected`: facts that it rested on turned out otherwise, such as an order that went back. A subject that was
    merged into another holds nothing any more.
    """

    track: str
    tier: str | None
    rank: int
    previous: str | None
    version: int
    reason: Literal["qualified", "downgraded", "corrected", "set", "merged", "unmerged", "rules"]
    valid_until: datetime | None = None
    since: datetime | None = None


class TierNear(EventData, type="tam.loyalty.tier_near.v1", topic=LOYALTY):
    """The person `subject` (the root of their keys) has come near the next tier of a track, or nearer, or is no more.

    `missing` more of the track's `measure` (money in minor units of `currency`) reach `tier`, of the `threshold` that
    it takes; `tier` None: none is near. Of one subject and track the highest `version` holds.
    """

    track: str
    tier: str | None
    missing: int
    threshold: int
    measure: Literal["points", "spend", "orders"]
    currency: str | None = None
    version: int


class _Voucher(EventData, type="tam.loyalty.voucher.v1", topic=LOYALTY):
    voucher_id: UUID
    campaign: str


class VoucherIssued(_Voucher, type="tam.loyalty.voucher_issued.v1", topic=LOYALTY):
    """A code of the campaign `campaign` (its id) was assigned to the person key `subject`.

    `by` did it; what for is told to nobody. The `version` of a code counts with that of `VoucherChanged`.
    """

    expires_at: datetime | None = None
    assignment_id: UUID | None = None
    by: str | None = None
    version: int = 0


class VouchersMade(EventData, type="tam.loyalty.vouchers_made.v1", topic=LOYALTY):
    """Codes of the campaign `subject` (its id) were made or taken over, that say the same but for what they are.

    `ids` and `prints` are the bytes of their ids and of keyed hashes of them, under the pepper `kid`, 16 each, one
    after the other in base64. `job_id` made them; of a `pool` they are kept ready to be assigned.
    """

    ids: str
    prints: str
    kid: str
    job_id: UUID | None = None
    pool: Literal["made", "given"] | None = None
    max_uses: int | None = None
    value_minor: int | None = None
    expires_at: datetime | None = None


class VoucherChanged(EventData, type="tam.loyalty.voucher_changed.v1", topic=LOYALTY):
    """A code of the campaign `subject` (its id) was frozen, thawed or voided, or money came on a gift card.

    The highest `version` of a code holds. `loaded_minor` came on it, by `by`, as the top-up `load_id`.
    """

    voucher_id: UUID
    state: Literal["active", "frozen", "voided"]
    value_minor: int | None = None
    expires_at: datetime | None = None
    version: int
    load_id: UUID | None = None
    loaded_minor: int | None = None
    by: str | None = None


class VoucherEntry(TypedDict, total=False):
    """All the rest of a use of a voucher at a checkout: where it stands in it, and what was taken back of it.

    `minor` is on `lines`: the line (None: shipping), how much of it, and how much of that came back. Of `budgets` each
    says the budget, the period and for whom it counts. `short`: so much more it would have been, with enough budget.
    """

    position: int
    minor: int
    back: int
    budget_back: int
    is_rolled_back: bool
    use_returned: bool
    lines: list[tuple[str | None, int, int]]
    budgets: list[tuple[str, str, str]]
    short: int


class VoucherReserved(_Voucher, type="tam.loyalty.voucher_reserved.v1", topic=LOYALTY):
    """A use of a voucher is held for a checkout until `expires_at`, unless it is committed or voided before."""

    reservation_id: UUID
    expires_at: datetime
    entry: VoucherEntry | None = None


class VoucherRedeemed(_Voucher, type="tam.loyalty.voucher_redeemed.v1", topic=LOYALTY):
    """A voucher was used: `discount_minor` of `currency` off an order."""

    redemption_id: UUID
    order_id: str | None = None
    discount_minor: int
    currency: str
    entry: VoucherEntry | None = None


class VoucherRolledBack(_Voucher, type="tam.loyalty.voucher_rolled_back.v1", topic=LOYALTY):
    """A redemption was undone, wholly or in part: `discount_minor` of its discount no longer stands."""

    redemption_id: UUID
    rollback_id: UUID
    order_id: str | None = None
    discount_minor: int
    currency: str
    is_whole: bool
    entry: VoucherEntry | None = None


class _Checkout(EventData, type="tam.loyalty.checkout.v1", topic=LOYALTY):
    """What the person key `subject` pays with: vouchers, which have facts of their own, and points.

    Money in minor units of `currency`. Points are of the `wallet`, of the household's `pool` where there is one.
    """

    owner: str
    order_id: str | None = None
    currency: str
    total_minor: int
    discount_minor: int
    wallet: str | None = None
    points: int = 0
    points_minor: int = 0
    pool: UUID | None = None
    created_at: datetime


class ReservationChanged(_Checkout, type="tam.loyalty.reservation_changed.v1", topic=LOYALTY):
    """Vouchers and points are held for a checkout, for longer than before, or no more. The whole reservation.

    It ends once; before that the one with the most `extensions` holds.
    """

    reservation_id: UUID
    state: Literal["held", "committed", "voided", "expired"]
    extensions: int
    expires_at: datetime
    ended_at: datetime | None = None


class RedemptionChanged(_Checkout, type="tam.loyalty.redemption_changed.v1", topic=LOYALTY):
    """Vouchers and points were taken for an order, or points came back. The whole redemption but its vouchers.

    The one with the most `points_back` holds.
    """

    redemption_id: UUID
    reservation_id: UUID | None = None
    points_back: int = 0
    points_back_minor: int = 0


class RedemptionRolledBack(EventData, type="tam.loyalty.redemption_rolled_back.v1", topic=LOYALTY):
    """A redemption of the person key `subject` was undone, wholly or in part: once for all of its vouchers and points.

    Of `parts` each says the position of a voucher, what each of its lines loses, and whether nothing is left of it.
    """

    rollback_id: UUID
    redemption_id: UUID
    refund_id: str | None = None
    by: str
    discount_minor: int
    points: int
    points_minor: int
    is_whole: bool
    parts: list[tuple[int, list[int], bool]]
    created_at: datetime


class FlashClaimed(EventData, type="tam.loyalty.flash_claimed.v1", topic=LOYALTY):
    """The person `subject` got `units` of an item of a flash sale for good; where it must be paid first, when it is.

    `sale` is the id of the sale, `item` what the shop calls the product. `number` counts the claims of the item; `held`
    is there if it had to be paid first.
    """

    claim_id: UUID
    sale: str
    item: str
    units: int
    number: int | None = None
    held: FlashHold | None = None


class _Lot(EventData, type="tam.loyalty.flash_lot.v1", topic=LOYALTY):
    """`entry_id` is the ticket of the person `subject` for `units` of an item of the flash sale `sale` (its id)."""

    entry_id: UUID
    sale: str
    item: str
    units: int


class FlashEntered(_Lot, type="tam.loyalty.flash_entered.v1", topic=LOYALTY):
    """Somebody entered a draw, at the time of the event. Of a ticket the highest `version` holds."""

    version: int | None = None


class FlashDrawn(_Lot, type="tam.loyalty.flash_drawn.v1", topic=LOYALTY):
    """Somebody was drawn: they may claim until `right_until`."""

    right_until: datetime


class FlashLapsed(_Lot, type="tam.loyalty.flash_lapsed.v1", topic=LOYALTY):
    """Somebody was drawn and did not claim in time: the next one was drawn."""


class ReferralCompleted(EventData, type="tam.loyalty.referral_completed.v1", topic=LOYALTY):
    """The person `subject` was brought by `advocate_id`, did what a milestone asks for, and the rewards were paid.

    `campaign` is the id of the referral programme. Told of once for each milestone, also where it is taken back later.
    """

    referral_id: UUID
    advocate_id: UUID
    campaign: str
    milestone: str


class _Achievement(EventData, type="tam.loyalty.achievement.v1", topic=LOYALTY):
    """Of one subject, achievement, period and number the highest `version` holds.

    `achievement` is its name, `period` the one it was reached in (2026-W10; the empty word: it has none), `number` how
    many times it was reached in it. `source` is the fact that reached it, at `reached_at`; `problem`: why
    what it brings could not be given, or taken back, by now.
    """

    achievement_id: UUID
    achievement: str
    badge: str | None = None
    period: str
    number: int
    version: int
    reached_at: datetime | None = None
    source: str | None = None
    problem: str | None = None


class AchievementReached(_Achievement, type="tam.loyalty.achievement_reached.v1", topic=LOYALTY):
    """The person key `subject` reached an achievement, with the fact that happened at the time of the event."""


class AchievementLost(_Achievement, type="tam.loyalty.achievement_lost.v1", topic=LOYALTY):
    """What it was reached by turned out otherwise, such as an order that went back: it is held no more.

    What it brought is taken back: points as the clawback of their wallet says, into debt where they are spent; vouchers
    are frozen. `problem`: not all of it could be. It is tried again, and told anew when it is done; with
    `loyalty.reward_used` a voucher had been used, which is over only if that is rolled back.
    """


class AchievementMoved(_Achievement, type="tam.loyalty.achievement_moved.v1", topic=LOYALTY):
    """What was reached still is, but with another fact or at another moment; or its `problem` is over, or another."""


# Each is added by the room that sends it.
PUBLISHES: tuple[type[EventData], ...] = (
    PointsEarned,
    PointsSpent,
    PointsExpired,
    PointsReversed,
    PointsMoved,
    PointsExpiring,
    HoldChanged,
    AdjustmentChanged,
    PointsTransferred,
    TierChanged,
    TierKept,
    TierGranted,
    TierNear,
    FlashItemStocked,
    FlashClaimed,
    FlashClaimChanged,
    FlashEntered,
    FlashLotChanged,
    FlashDrawHeld,
    FlashItemDrawn,
    FlashDrawn,
    FlashLapsed,
    VouchersMade,
    VoucherChanged,
    VoucherIssued,
    VoucherReserved,
    VoucherRedeemed,
    VoucherRolledBack,
    ReservationChanged,
    RedemptionChanged,
    RedemptionRolledBack,
    ReferralCodeMade,
    ReferralChanged,
    ReferralMoved,
    ReferralCompleted,
    PoolSpent,
    RevenueClosed,
    RevenueCohortClosed,
    AchievementReached,
    AchievementLost,
    AchievementMoved,
    RewardStocked,
    RewardOrdered,
    RewardFulfilled,
    RewardCancelled,
)
