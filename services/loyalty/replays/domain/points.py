"""What facts tell beside the ledger: holds, adjustments, transfers, and of which ends members were told."""

from typing import Any

from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty import PointsExpiring
from shared.events.catalogue.loyalty_rows import AdjustmentChanged, HoldChanged, PointsTransferred
from shared.events.envelope import Event

HOLDS = Table(
    "holds",
    {
        "id": "uuid",
        "person_id": "uuid",
        "wallet": "text",
        "points": "bigint",
        "captured": "bigint",
        "state": "text",
        "created_at": "timestamptz",
        "expires_at": "timestamptz",
        "ended_at": "timestamptz",
        "version": "integer",
    },
    found_by="id",
)
ADJUSTMENTS = Table(
    "adjustments",
    {
        "id": "uuid",
        "person_id": "uuid",
        "wallet": "text",
        "points": "bigint",
        "reason": "text",
        "reference": "text",
        "expires_at": "timestamptz",
        "state": "text",
        "asked_at": "timestamptz",
        "asked_by": "text",
        "decided_at": "timestamptz",
        "decided_by": "text",
    },
    found_by="id",
    version="CAST({row}.state <> 'waiting' AS integer)",
)
TRANSFERS = Table(
    "transfers",
    {
        "id": "uuid",
        "sender_id": "uuid",
        "recipient_id": "uuid",
        "wallet": "text",
        "points": "bigint",
        "fee": "bigint",
        "day": "date",
        "recorded_at": "timestamptz",
        "recorded_by": "text",
    },
    found_by="id",
    version=None,
)
NOTICES = Table(
    "expiry_notices",
    {"wallet_id": "uuid", "expires_at": "timestamptz", "days": "integer"},
    found_by="wallet_id",
    keys=3,
    version=None,
)


def _hold(event: Event[HoldChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.hold_id, event.subject, told.wallet, told.points, told.captured, told.state, told.created_at,
        told.expires_at, told.ended_at, told.version,
    )  # fmt: skip


def _adjustment(event: Event[AdjustmentChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.adjustment_id, event.subject, told.wallet, told.points, told.reason, told.reference, told.expires_at,
        told.state, told.asked_at, told.asked_by, told.decided_at, told.decided_by,
    )  # fmt: skip


def _transfer(event: Event[PointsTransferred]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.transfer_id, event.subject, told.recipient_id, told.wallet, told.points, told.fee, told.day,
        event.recorded, told.by,
    )  # fmt: skip


def _notice(event: Event[PointsExpiring]) -> tuple[Any, ...]:
    return event.data.wallet_id, event.data.expires_at, event.data.days


READINGS: Readings = {
    HoldChanged: Reading(HOLDS, _hold, lambda event: event.data.version),
    AdjustmentChanged: Reading(ADJUSTMENTS, _adjustment, lambda event: int(event.data.state != "waiting")),
    PointsTransferred: Reading(TRANSFERS, _transfer, lambda _: 0),
    PointsExpiring: Reading(NOTICES, _notice, lambda _: 0),
}
