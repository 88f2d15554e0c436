"""What was redeemed for an order, and what still stands of it after roll-backs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.reservation import Hold, Paid
from services.loyalty.checkout.domain.rollback import Redeemed, Returned
from services.loyalty.checkout.domain.shares import Share

Standing = Literal["redeemed", "partly_rolled_back", "rolled_back"]


class Redemption(NamedTuple):
    """Vouchers and points that were taken for one order; `points_back` of them came back."""

    id: UUID
    person: UUID
    owner: str
    order_id: str | None
    reservation_id: UUID | None
    currency: str
    total_minor: int
    vouchers: tuple[Redeemed, ...]
    paid: Paid
    points_back: int
    points_back_minor: int
    created_at: datetime

    @property
    def discount_minor(self) -> int:
        """What its vouchers took off together."""
        return sum(each.minor for each in self.vouchers)

    @property
    def payable_minor(self) -> int:
        """What was left to pay in money."""
        return self.total_minor - self.discount_minor - self.paid.minor

    @property
    def points_left(self) -> int:
        """Points that were not given back."""
        return self.paid.points - self.points_back

    @property
    def standing(self) -> Standing:
        """How much of it stands."""
        if all(each.is_rolled_back for each in self.vouchers) and self.points_left == 0:
            return "rolled_back"
        is_touched = self.points_back > 0 or any(each.back_minor or each.is_rolled_back for each in self.vouchers)
        return "partly_rolled_back" if is_touched else "redeemed"


class Giving(NamedTuple):
    """What a campaign lets go when its voucher is rolled back: the use, and the money of the budget."""

    use: bool = True
    budget: bool = True


def taken(hold: Hold) -> Redeemed:
    """A voucher that is just being redeemed: all of it stands."""
    return Redeemed(
        position=hold.position,
        campaign_id=hold.campaign_id,
        voucher_id=hold.voucher_id,
        minor=hold.minor,
        back_minor=0,
        budget_back_minor=0,
        is_rolled_back=False,
        use_returned=False,
        shares=hold.shares,
        charges=hold.charges,
        short_minor=hold.short_minor,
    )


def after(voucher: Redeemed, returned: Returned, giving: Giving) -> Redeemed:
    """The voucher once this much of it was taken back."""
    shares = tuple(
        Share(share.line, share.minor, share.back + back)
        for share, back in zip(voucher.shares, returned.by_share, strict=True)
    )
    return voucher._replace(
        back_minor=voucher.back_minor + returned.minor,
        budget_back_minor=voucher.budget_back_minor + (returned.minor if giving.budget else 0),
        is_rolled_back=returned.is_whole,
        use_returned=returned.is_whole and giving.use,
        shares=shares,
    )


def points_worth(redemption: Redemption, points: int) -> int:
    """Minor units that `points` of what is left stand for: their share, and all that is left with the last of them."""
    if points == redemption.points_left:
        return redemption.paid.minor - redemption.points_back_minor
    so_far = redemption.points_back + points
    return redemption.paid.minor * so_far // redemption.paid.points - redemption.points_back_minor


def is_whole(redemption: Redemption, returned: Sequence[Returned], points: int) -> bool:
    """Whether nothing stands once this is taken back."""
    ended = {each.position for each in returned if each.is_whole}
    return points == redemption.points_left and all(
        each.is_rolled_back or each.position in ended for each in redemption.vouchers
    )
