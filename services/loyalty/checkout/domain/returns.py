"""What an order that comes back, or money that goes back, undoes of what was redeemed for it."""

from typing import NamedTuple

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.rollback import Redeemed, Returned, pro_rata
from services.loyalty.vouchers.domain.grants import split
from services.loyalty.vouchers.domain.terms import Terms
from shared.events.orders import Order, Total, payments_back


class Gone(NamedTuple):
    """How much of an order came back: `refunded` of `total` minor units, or all of it."""

    is_cancelled: bool
    refunded: int
    total: int

    @property
    def is_all(self) -> bool:
        """Whether nothing is left of the order."""
        return self.is_cancelled or (self.refunded > 0 and self.refunded >= self.total)


def gone(order: Order, redemption: Redemption) -> Gone:
    """How much of the order came back. Where nobody said what it cost, what was to pay at the checkout counts."""
    first = min(order.refunds.values(), default=None)
    if order.is_cancelled or first is None:
        return Gone(order.is_cancelled, 0, 0)
    total = order.total or Total(first.at, first.event_id, redemption.payable_minor, redemption.currency)
    returned = list(payments_back(order.refunds, total))
    if total.minor == 0:
        # Nothing was to pay: a refund of it can only mean the whole.
        return Gone(is_cancelled=False, refunded=1, total=1)
    return Gone(is_cancelled=False, refunded=sum(paid or 0 for _, paid in returned), total=total.minor)


def undone(voucher: Redeemed, terms: Terms, returned: Gone) -> Returned | None:
    """What one voucher loses by it, by the policy of its campaign; None: nothing, or no more than before."""
    if voucher.is_rolled_back:
        return None
    whole = Returned(voucher.position, tuple(share.left for share in voucher.shares), is_whole=True)
    if returned.is_cancelled:
        return whole if terms.on_cancel == "roll_back" else None
    if terms.on_refund == "keep" or returned.refunded == 0:
        return None
    if returned.is_all:
        return whole
    if terms.on_refund == "when_whole":
        return None
    minor = pro_rata(voucher.minor, voucher.back_minor, returned.refunded, returned.total)
    if minor == 0:
        return None
    by_share = split(minor, [share.left for share in voucher.shares])
    return Returned(voucher.position, tuple(by_share), is_whole=minor == voucher.left)


def points_undone(redemption: Redemption, returned: Gone) -> int:
    """How many of the points that paid come back: as the money does, rounded down; all once all of it came back."""
    if returned.is_all:
        return redemption.points_left
    return pro_rata(redemption.paid.points, redemption.points_back, returned.refunded, max(returned.total, 1))
