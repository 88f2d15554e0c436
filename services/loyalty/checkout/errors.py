"""What checkout refuses. Reasons about single vouchers stand in `vouchers`, in the order they were asked.

NotFound   ReservationUnknown, RedemptionUnknown
Conflict   NotApplicable, LimitReached, OrderReserved, AlreadyUsed, ReservationEnded, ReservationMismatch,
           TooManyExtensions, NothingLeft, OrderCancelled, PointsRefused
Invalid    NothingAsked, RepeatedVoucher, CommitExceeds, RollbackExceeds, UnknownVoucher, UnknownLine,
           BadTtl
Forbidden  SecretKeyNeeded
Unavailable TooManyAtOnce
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable

# Reasons that somebody meets who tries codes of others.
STRANGERS = frozenset({"unknown_code", "not_yours"})


class ReservationUnknown(NotFound):
    """There is none of this id, or it is another caller's."""

    code, title = "loyalty.reservation_unknown", "Reservation unknown"

    def __init__(self) -> None:
        super().__init__("There is no such reservation of yours.")


class RedemptionUnknown(NotFound):
    """There is no such redemption."""

    code, title = "loyalty.redemption_unknown", "Redemption unknown"

    def __init__(self) -> None:
        super().__init__("There is no such redemption.")


class QuoteUnknown(NotFound):
    """There is none of this id, or it is another caller's."""

    code, title = "loyalty.quote_unknown", "Quote unknown"

    def __init__(self) -> None:
        super().__init__("There is no such quote of yours.")


class QuoteLapsed(Conflict):
    """A quote is honoured until its time is over."""

    code, title = "loyalty.quote_lapsed", "Quote lapsed"

    def __init__(self, expired_at: datetime) -> None:
        super().__init__("The quote has lapsed; nothing was taken. Ask for another.", expired_at=expired_at.isoformat())


class QuoteMismatch(Conflict):
    """A quote is for one customer, one wallet and one currency."""

    code, title = "loyalty.quote_mismatch", "Quote mismatch"

    def __init__(self, what: str) -> None:
        super().__init__(f"The quote is for another {what}; nothing was taken.", what=what)


class NotApplicable(Conflict):
    """Not all that was asked can be given, so nothing was."""

    code, title = "loyalty.not_applicable", "Not applicable"

    def __init__(self, vouchers: Sequence[Mapping[str, Any]], scarce: frozenset[UUID] = frozenset()) -> None:
        """`scarce` are campaigns of which nothing was left."""
        super().__init__(
            "Not every voucher applies, so none was taken; `vouchers` says why, one by one.", vouchers=list(vouchers)
        )
        self.scarce = scarce
        self.strangers = sum(each["reason"] in STRANGERS for each in vouchers)


class LimitReached(Conflict):
    """The last use, or the last of the budget, went to somebody else; also to holds that may still come free."""

    code, title = "loyalty.limit_reached", "Limit reached"

    def __init__(self, limit: str, campaign_id: UUID) -> None:
        super().__init__(
            "Nothing is left of what this campaign gives; nothing was taken.", limit=limit, campaign_id=campaign_id
        )
        self.limit = limit
        self.campaign_id = campaign_id


class OrderReserved(Conflict):
    """One order holds one reservation."""

    code, title = "loyalty.order_reserved", "Order has a reservation"

    def __init__(self) -> None:
        super().__init__(
            "This order holds a reservation already; commit, extend or void it, or ask with `replace` to put this one "
            "in its place.",
        )


class AlreadyUsed(Conflict):
    """One voucher stands once for an order."""

    code, title = "loyalty.already_used_for_order", "Already used for this order"

    def __init__(self, redemptions: Sequence[UUID]) -> None:
        super().__init__(
            "A voucher was redeemed for this order already; it was not taken again.", redemptions=list(redemptions)
        )


class OrderCancelled(Conflict):
    """An order that never was takes no discount."""

    code, title = "loyalty.order_cancelled", "Order cancelled"

    def __init__(self) -> None:
        super().__init__("The order was cancelled; nothing was taken.")


class ReservationEnded(Conflict):
    """A reservation ends once."""

    code, title = "loyalty.reservation_ended", "Reservation ended"

    def __init__(self, state: str, redemption_id: UUID | None) -> None:
        help_ = {
            "expired": " Ask with `reacquire` to take the same again, if it is still there.",
            "committed": " `redemption_id` names what was redeemed.",
        }
        super().__init__(
            f"The reservation has ended: it is {state}.{help_.get(state, '')}", state=state, redemption_id=redemption_id
        )


class ReservationMismatch(Conflict):
    """A reservation is for one customer and one order."""

    code, title = "loyalty.reservation_mismatch", "Reservation mismatch"

    def __init__(self, what: str) -> None:
        super().__init__(f"The reservation is for another {what}.", what=what)


class TooManyExtensions(Conflict):
    """A hold is for a checkout, not for ever."""

    code, title = "loyalty.too_many_extensions", "Too many extensions"

    def __init__(self, most: int, expires_at: datetime) -> None:
        super().__init__(
            f"A reservation is extended at most {most} times.", most=most, expires_at=expires_at.isoformat()
        )


class NothingLeft(Conflict):
    """What was redeemed has been rolled back before."""

    code, title = "loyalty.nothing_left", "Nothing left to roll back"

    def __init__(self) -> None:
        super().__init__("Nothing that was asked for still stands; it was rolled back before.")


class NothingAsked(Invalid):
    """Neither a voucher nor points."""

    code, title = "loyalty.nothing_asked", "Nothing asked"

    def __init__(self) -> None:
        super().__init__("Name a voucher, or points to pay with.")


class RepeatedVoucher(Invalid):
    """One voucher, written twice."""

    code, title = "loyalty.repeated_voucher", "Repeated voucher"

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__("One voucher is named more than once.", positions=list(positions))


class PointsRefused(Conflict):
    """Points cannot pay that; `reason` says why, and `offer` what they could."""

    code, title = "loyalty.points_refused", "Points refused"

    def __init__(self, reason: str, offer: Mapping[str, Any]) -> None:
        super().__init__("Points cannot pay this much of the order.", reason=reason, offer=dict(offer))


class CommitExceeds(Invalid):
    """More than is held."""

    code, title = "loyalty.commit_exceeds", "Commit exceeds the hold"

    def __init__(self, what: str, *, asked: int, held: int) -> None:
        super().__init__("A reservation commits at most what it holds.", what=what, asked=asked, held=held)


class RollbackExceeds(Invalid):
    """More than is left."""

    code, title = "loyalty.rollback_exceeds", "Roll-back exceeds what is left"

    def __init__(self, part: int | str, *, asked: int, left: int) -> None:
        super().__init__("More was asked back than still stands.", part=part, asked=asked, left=left)


class UnknownVoucher(Invalid):
    """The position is none of the vouchers."""

    code, title = "loyalty.unknown_voucher", "Unknown voucher"

    def __init__(self, part: int) -> None:
        super().__init__("There is no voucher at this position.", part=part)


class UnknownLine(Invalid):
    """No discount was on this line."""

    code, title = "loyalty.unknown_line", "Unknown line"

    def __init__(self, part: int) -> None:
        super().__init__("No discount lies on this line.", part=part)


class BadTtl(Invalid):
    """Longer than the firm allows."""

    code, title = "loyalty.bad_ttl", "Bad time to live"

    def __init__(self, most: int, what: str = "reservation") -> None:
        super().__init__(f"A {what} holds for at most {most} seconds at a time.", most=most)


class SecretKeyNeeded(Forbidden):
    """What a browser may not ask."""

    code, title = "loyalty.secret_key_needed", "Secret key needed"

    def __init__(self, what: str) -> None:
        super().__init__(f"With a write key, {what} cannot be asked.", what=what)


class TooManyAtOnce(Unavailable):
    """More wait than this process can answer soon."""

    code, title = "loyalty.too_many_at_once", "Too many at once"

    def __init__(self) -> None:
        super().__init__("More wait at the checkout than can be served soon; nothing was taken, send it again.")
