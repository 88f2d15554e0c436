"""What a roll-back takes back: everything that is left, or parts of it, and never more than is left."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.shares import Share
from services.loyalty.checkout.errors import NothingLeft, RollbackExceeds, UnknownLine, UnknownVoucher
from services.loyalty.vouchers.domain.budgets import Charge
from services.loyalty.vouchers.domain.grants import split


class Redeemed(NamedTuple):
    """One voucher of a redemption, and what still stands of it."""

    position: int
    campaign_id: UUID
    voucher_id: UUID
    minor: int
    back_minor: int
    budget_back_minor: int
    is_rolled_back: bool
    use_returned: bool
    shares: tuple[Share, ...]
    charges: tuple[Charge, ...] = ()
    short_minor: int = 0

    @property
    def is_promotion(self) -> bool:
        """Whether it had no code: the voucher of a promotion goes by the campaign's own id."""
        return self.voucher_id == self.campaign_id

    @property
    def left(self) -> int:
        """What still stands of its discount."""
        return self.minor - self.back_minor


class Part(NamedTuple):
    """What is asked back: of one voucher (None: all), on one line (None: all), so much (None: all that is left)."""

    voucher: int | None = None
    line: str | None = None
    minor: int | None = None


class Returned(NamedTuple):
    """What one voucher loses: `by_share` is for each of its shares; `is_whole`: nothing is left of it."""

    position: int
    by_share: tuple[int, ...]
    is_whole: bool

    @property
    def minor(self) -> int:
        """All of it."""
        return sum(self.by_share)


class Rollback(NamedTuple):
    """What was taken back at one time; of one redemption a refund takes back once."""

    id: UUID
    redemption_id: UUID
    refund_id: str | None
    reason: str
    recorded_by: str
    returned: tuple[Returned, ...]
    points: int
    points_minor: int
    is_whole: bool
    created_at: datetime

    @property
    def discount_minor(self) -> int:
        """What its vouchers lost together."""
        return sum(each.minor for each in self.returned)


def everything(vouchers: Sequence[Redeemed]) -> list[Returned]:
    """All that is left of all of them, those without a discount included."""
    return [
        Returned(each.position, tuple(share.left for share in each.shares), True)
        for each in vouchers
        if not each.is_rolled_back
    ]


def chosen(vouchers: Sequence[Redeemed], parts: Sequence[Part]) -> list[Returned]:
    """What the parts take, one after the other, from what is left.

    Raises:
        UnknownVoucher, UnknownLine: a part names what the redemption does not have.
        RollbackExceeds: a part asks for more than is left.
        NothingLeft: a part meets nothing that still stands.
    """
    taken = {each.position: [0] * len(each.shares) for each in vouchers}
    ended: set[int] = set()
    for number, part in enumerate(parts):
        _take(vouchers, part, number, taken, ended)
    found = []
    for each in vouchers:
        by_share = tuple(taken[each.position])
        is_whole = each.position in ended or (each.left > 0 and sum(by_share) == each.left)
        if is_whole or any(by_share):
            found.append(Returned(each.position, by_share, is_whole))
    return found


def _take(vouchers: Sequence[Redeemed], part: Part, number: int, taken: dict[int, list[int]], ended: set[int]) -> None:
    meant = [each for each in vouchers if part.voucher in (None, each.position)]
    if not meant:
        raise UnknownVoucher(number)
    places = [
        (each, place, share.left - taken[each.position][place])
        for each in meant
        for place, share in enumerate(each.shares)
        if part.line is None or share.line == part.line
    ]
    if part.line is not None and not places:
        raise UnknownLine(number)
    left = sum(rest for _, _, rest in places)
    if part.minor is not None and part.minor > left:
        raise RollbackExceeds(number, asked=part.minor, left=left)
    standing = [each.position for each in meant if not each.is_rolled_back and each.position not in ended]
    if not standing or (left == 0 and part.line is not None):
        raise NothingLeft
    amount = left if part.minor is None else part.minor
    for (each, place, _), minor in zip(places, split(amount, [rest for _, _, rest in places]), strict=True):
        taken[each.position][place] += minor
    if part.minor is None and part.line is None:
        ended.update(standing)


def pro_rata(minor: int, back_minor: int, refunded: int, total: int) -> int:
    """What else of a discount of `minor` goes back when `refunded` of `total` was paid back, rounded down.

    Everything once everything was paid back; never less than before, so that late and repeated facts add nothing.
    """
    goal = minor if refunded >= total else minor * refunded // total
    return max(0, goal - back_minor)
