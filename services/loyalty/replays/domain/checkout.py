"""What facts tell of checkouts: reservations, redemptions, roll-backs, and each voucher in them."""

from typing import Any

import orjson

from services.loyalty.points.domain.replaying import Missing
from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty import (
    RedemptionChanged,
    RedemptionRolledBack,
    ReservationChanged,
    VoucherEntry,
    VoucherRedeemed,
    VoucherReserved,
    VoucherRolledBack,
)
from shared.events.envelope import Event

# What others refer to stands, until it is told: of such a row nothing is later than what is told of it.
_RESERVED = """
    INSERT INTO reservations (id, person, owner, currency, basket, total_minor, discount_minor, points, points_minor,
                              created_at, expires_at)
    SELECT key, key, '', '', '{}', 0, 0, 0, 0, to_timestamp(0), to_timestamp(1)
    FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
"""
_REDEEMED = """
    INSERT INTO redemptions (id, person, owner, currency, total_minor, discount_minor, points, points_minor, created_at)
    SELECT key, key, '', '', 0, 0, 0, 0, to_timestamp(0)
    FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
"""
_PAID = {
    "person": "uuid",
    "owner": "text",
    "order_id": "text",
    "currency": "text",
    "total_minor": "bigint",
    "discount_minor": "bigint",
    "wallet": "text",
    "points": "bigint",
    "points_minor": "bigint",
    "pool": "uuid",
    "created_at": "timestamptz",
}
RESERVATIONS = Table(
    "reservations",
    {
        "id": "uuid",
        **_PAID,
        "state": "text",
        "extensions": "smallint",
        "expires_at": "timestamptz",
        "ended_at": "timestamptz",
        "basket": "jsonb",
    },
    found_by="id",
    version="CASE {row}.state WHEN 'held' THEN {row}.extensions ELSE 100 END",
    # What was in a basket is told to nobody: of a hold that ran out it cannot be taken anew.
    unsaid=frozenset({"basket"}),
)
_ENDED = 100
REDEMPTIONS = Table(
    "redemptions",
    {
        "id": "uuid",
        **_PAID,
        "reservation_id": "uuid",
        "points_back": "bigint",
        "points_back_minor": "bigint",
    },
    found_by="id",
    version="{row}.points_back",
    parent="reservation_id",
    before=_RESERVED,
)
HELD = Table(
    "reservation_vouchers",
    {
        "reservation_id": "uuid",
        "position": "smallint",
        "campaign_id": "uuid",
        "voucher_id": "uuid",
        "discount_minor": "bigint",
        "lines": "jsonb",
        "budgets": "jsonb",
        "short_minor": "bigint",
    },
    found_by="reservation_id",
    keys=2,
    version=None,
    parent="reservation_id",
    before=_RESERVED,
)
USED = Table(
    "redemption_vouchers",
    {
        "redemption_id": "uuid",
        "position": "smallint",
        "campaign_id": "uuid",
        "voucher_id": "uuid",
        "order_id": "text",
        "discount_minor": "bigint",
        "rolled_back_minor": "bigint",
        "budget_back_minor": "bigint",
        "is_rolled_back": "boolean",
        "use_returned": "boolean",
        "lines": "jsonb",
        "budgets": "jsonb",
        "short_minor": "bigint",
    },
    found_by="redemption_id",
    keys=2,
    version="{row}.rolled_back_minor + CAST({row}.is_rolled_back AS integer)",
    parent="redemption_id",
    before=_REDEEMED,
)
ROLLBACKS = Table(
    "rollbacks",
    {
        "id": "uuid",
        "redemption_id": "uuid",
        "refund_id": "text",
        "recorded_by": "text",
        "discount_minor": "bigint",
        "points": "bigint",
        "points_minor": "bigint",
        "is_whole": "boolean",
        "parts": "jsonb",
        "created_at": "timestamptz",
        "reason": "text",
    },
    found_by="id",
    version=None,
    # Words of somebody: told to nobody, and forgotten with whom they are about.
    unsaid=frozenset({"reason"}),
    parent="redemption_id",
    before=_REDEEMED,
)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _paid(event: Event[ReservationChanged] | Event[RedemptionChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        event.subject, told.owner, told.order_id, told.currency, told.total_minor, told.discount_minor, told.wallet,
        told.points, told.points_minor, told.pool, told.created_at,
    )  # fmt: skip


def _reservation(event: Event[ReservationChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.reservation_id, *_paid(event), told.state, told.extensions, told.expires_at, told.ended_at, "{}",
    )  # fmt: skip


def _redemption(event: Event[RedemptionChanged]) -> tuple[Any, ...]:
    told = event.data
    return told.redemption_id, *_paid(event), told.reservation_id, told.points_back, told.points_back_minor


def _entry(told: VoucherReserved | VoucherRedeemed | VoucherRolledBack) -> VoucherEntry:
    if told.entry is None:
        raise Missing("the fact does not tell the whole use of the voucher")
    return told.entry


def _held(event: Event[VoucherReserved]) -> tuple[Any, ...]:
    told, entry = event.data, _entry(event.data)
    return (
        told.reservation_id, entry["position"], told.campaign, told.voucher_id, entry["minor"], _json(entry["lines"]),
        _json(entry["budgets"]), entry["short"],
    )  # fmt: skip


def _used(event: Event[VoucherRedeemed] | Event[VoucherRolledBack]) -> tuple[Any, ...]:
    told, entry = event.data, _entry(event.data)
    return (
        told.redemption_id, entry["position"], told.campaign, told.voucher_id, told.order_id, entry["minor"],
        entry["back"], entry["budget_back"], entry["is_rolled_back"], entry["use_returned"], _json(entry["lines"]),
        _json(entry["budgets"]), entry["short"],
    )  # fmt: skip


def _used_version(event: Event[VoucherRedeemed] | Event[VoucherRolledBack]) -> int:
    entry = _entry(event.data)
    return entry["back"] + entry["is_rolled_back"]


def _rollback(event: Event[RedemptionRolledBack]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.rollback_id, told.redemption_id, told.refund_id, told.by, told.discount_minor, told.points,
        told.points_minor, told.is_whole, _json(told.parts), told.created_at, "",
    )  # fmt: skip


READINGS: Readings = {
    ReservationChanged: Reading(
        RESERVATIONS, _reservation, lambda event: event.data.extensions if event.data.state == "held" else _ENDED
    ),
    VoucherReserved: Reading(HELD, _held, lambda _: 0),
    RedemptionChanged: Reading(REDEMPTIONS, _redemption, lambda event: event.data.points_back),
    **dict.fromkeys((VoucherRedeemed, VoucherRolledBack), Reading(USED, _used, _used_version)),
    RedemptionRolledBack: Reading(ROLLBACKS, _rollback, lambda _: 0),
}
