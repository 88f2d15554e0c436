"""What is told of a checkout: each reservation, redemption and roll-back whole, so that its rows can be made anew."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.reservation import Hold, Reservation
from services.loyalty.checkout.domain.rollback import Redeemed, Rollback
from services.loyalty.checkout.domain.shares import Share
from services.loyalty.checkout.repository import reservations
from services.loyalty.vouchers.domain.budgets import Charge
from shared.db.engine import WriteTx
from shared.events.catalogue.loyalty import (
    RedemptionChanged,
    RedemptionRolledBack,
    ReservationChanged,
    VoucherEntry,
    VoucherRedeemed,
    VoucherReserved,
    VoucherRolledBack,
)
from shared.events.envelope import Event, EventData
from shared.ids import uuid7


def tell_reserved(tx: WriteTx, made: Reservation, now: datetime) -> None:
    """Tell of a reservation, and of each voucher that it holds."""
    tell_reservation(tx, made, now)
    for hold in made.holds:
        said = VoucherReserved(
            voucher_id=hold.voucher_id,
            campaign=str(hold.campaign_id),
            reservation_id=made.id,
            expires_at=made.expires_at,
            entry=_held(hold),
        )
        _tell(tx, made.person, said, now)


async def tell_changed(tx: WriteTx, changed: Sequence[UUID], now: datetime) -> None:
    """Tell of reservations that last longer from now on, or have ended."""
    for each in changed:
        if (stands := await reservations.find(tx, each)) is not None:
            tell_reservation(tx, stands, now)


def tell_reservation(tx: WriteTx, stands: Reservation, now: datetime) -> None:
    """Tell of a reservation as it stands."""
    said = ReservationChanged(
        reservation_id=stands.id,
        state=stands.state,
        extensions=stands.extensions,
        expires_at=stands.expires_at,
        ended_at=stands.ended_at,
        **_paid(stands),
    )
    _tell(tx, stands.person, said, now)


def announce_redeemed(tx: WriteTx, made: Redemption, now: datetime) -> None:
    """Tell of a redemption, and of each voucher that was redeemed."""
    _tell_redemption(tx, made, now)
    for each in made.vouchers:
        said = VoucherRedeemed(
            voucher_id=each.voucher_id,
            campaign=str(each.campaign_id),
            redemption_id=made.id,
            order_id=made.order_id,
            discount_minor=each.minor,
            currency=made.currency,
            entry=_used(each),
        )
        _tell(tx, made.person, said, now)


def tell_rolled_back(tx: WriteTx, stands: Redemption, rollback: Rollback, now: datetime) -> None:
    """Tell of a roll-back, of each voucher that lost something, and of points that came back."""
    said = RedemptionRolledBack(
        rollback_id=rollback.id,
        redemption_id=stands.id,
        refund_id=rollback.refund_id,
        by=rollback.recorded_by,
        discount_minor=rollback.discount_minor,
        points=rollback.points,
        points_minor=rollback.points_minor,
        is_whole=rollback.is_whole,
        parts=[(each.position, list(each.by_share), each.is_whole) for each in rollback.returned],
        created_at=rollback.created_at,
    )
    _tell(tx, stands.person, said, now)
    if rollback.points:
        _tell_redemption(tx, stands, now)
    by_position = {each.position: each for each in stands.vouchers}
    for each in rollback.returned:
        voucher = by_position[each.position]
        one = VoucherRolledBack(
            voucher_id=voucher.voucher_id,
            campaign=str(voucher.campaign_id),
            redemption_id=stands.id,
            rollback_id=rollback.id,
            order_id=stands.order_id,
            discount_minor=each.minor,
            currency=stands.currency,
            is_whole=each.is_whole,
            entry=_used(voucher),
        )
        _tell(tx, stands.person, one, now)


def _tell_redemption(tx: WriteTx, stands: Redemption, now: datetime) -> None:
    said = RedemptionChanged(
        redemption_id=stands.id,
        reservation_id=stands.reservation_id,
        points_back=stands.points_back,
        points_back_minor=stands.points_back_minor,
        **_paid(stands),
    )
    _tell(tx, stands.person, said, now)


def _tell(tx: WriteTx, person: UUID, said: EventData, now: datetime) -> None:
    tx.emit(Event(id=uuid7(), subject=person, time=now, recorded=now, data=said))


def _paid(of: Reservation | Redemption) -> dict[str, Any]:
    return {
        "owner": of.owner,
        "order_id": of.order_id,
        "currency": of.currency,
        "total_minor": of.total_minor,
        "discount_minor": of.discount_minor,
        "wallet": of.paid.wallet,
        "points": of.paid.points,
        "points_minor": of.paid.minor,
        "pool": of.paid.pool,
        "created_at": of.created_at,
    }


def _held(hold: Hold) -> VoucherEntry:
    return {
        "position": hold.position,
        "minor": hold.minor,
        "lines": _lines(hold.shares),
        "budgets": _counted(hold.charges),
        "short": hold.short_minor,
    }


def _used(each: Redeemed) -> VoucherEntry:
    return {
        "position": each.position,
        "minor": each.minor,
        "back": each.back_minor,
        "budget_back": each.budget_back_minor,
        "is_rolled_back": each.is_rolled_back,
        "use_returned": each.use_returned,
        "lines": _lines(each.shares),
        "budgets": _counted(each.charges),
        "short": each.short_minor,
    }


def _counted(charges: Sequence[Charge]) -> list[tuple[str, str, str]]:
    return [(each.budget, each.period, each.who) for each in charges]


def _lines(shares: Sequence[Share]) -> list[tuple[str | None, int, int]]:
    return [(each.line, each.minor, each.back) for each in shares]
