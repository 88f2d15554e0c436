"""What is told of each transaction: exactly one event, with the id of the transaction."""

from typing import Any
from uuid import UUID

from services.loyalty.points.domain.ledger import Draw, Kind, Lot, Posting
from shared.events.catalogue.loyalty import (
    LedgerEntry,
    LedgerLot,
    PointsEarned,
    PointsExpired,
    PointsMoved,
    PointsReversed,
    PointsSpent,
)
from shared.events.envelope import Event, EventData

_COMING: frozenset[Kind] = frozenset({"earned", "granted", "adjusted", "transferred_in", "given_back"})
_CLASSES: dict[Kind, type[PointsSpent | PointsExpired | PointsReversed | PointsMoved]] = {
    "spent": PointsSpent,
    "transferred_out": PointsSpent,
    "fee": PointsSpent,
    "expired": PointsExpired,
    "reversed": PointsReversed,
    "adjusted": PointsReversed,
    "activated": PointsMoved,
    "held": PointsMoved,
    "released": PointsMoved,
    "prolonged": PointsMoved,
    "uncollected": PointsMoved,
}


def announcement(posting: Posting) -> Event[EventData]:
    """The event of a transaction; its subject is the raw person key, its time when it happened."""
    posted = posting.transaction
    facts: dict[str, Any] = {
        "transaction_id": posted.id,
        "wallet": posting.wallet,
        "version": posted.version,
        "points": _points(posting),
        "available": posting.available,
        "pending": posting.pending,
        "held": posting.held,
        "debt": posting.debt,
        "reason": posted.cause.reason,
        "reference": posted.cause.reference,
        "entry": entry(posting),
    }
    if posting.soonest is not None:
        facts |= {"next_expires_at": posting.soonest.at, "next_expiring": posting.soonest.points}
    lot = posting.lot
    if posting.soonest is None and posted.kind == "earned" and lot is not None and lot.slides:
        # To earn is to be active: what ends by inactivity ends with the new lot.
        facts |= {"next_expires_at": lot.expires_at, "next_expiring": posting.available}
    if posted.kind in _COMING and posted.points < 0:
        facts |= {"active_at": lot and lot.active_at, "expires_at": lot and lot.expires_at}
        data: EventData = PointsEarned.model_construct(**facts)
    else:
        data = _CLASSES[posted.kind].model_construct(**facts)
    return Event(posted.id, posting.person_id, posted.cause.occurred_at, posted.recorded_at, data)


def _points(posting: Posting) -> int:
    deltas = posting.transaction.deltas
    return abs(posting.transaction.points) or max(abs(deltas.pending), abs(deltas.held), abs(deltas.available))


def entry(posting: Posting) -> LedgerEntry:
    """What else the ledger says of a transaction, as short as can be: most events have none of the most."""
    posted = posting.transaction
    cause = posted.cause
    told: LedgerEntry = {"kind": posted.kind}
    if posted.version == 1:
        told["wallet_id"], told["opened_at"] = posted.wallet_id, posting.opened_at
    if posted.account is not None:
        told["account"] = posted.account
    if cause.operation is not None:
        told["operation"] = cause.operation
    if cause.source is not None:
        told["source"] = cause.source
    if cause.actor is not None:
        told["actor"] = cause.actor
    if posting.lot is not None:
        told["lot"] = _lot(posting.lot, posting)
    if posting.changed:
        told["changed"] = [_changed(lot) for lot in posting.changed]
    if posting.draws:
        told["draws"] = [_draw(draw) for draw in posting.draws if draw.points]
    if posting.standing is not None:
        told["standing"] = posting.standing
    return told


def _lot(lot: Lot, posting: Posting) -> LedgerLot:
    """A lot that came in: of what the fact says anyway nothing."""
    posted = posting.transaction
    told: LedgerLot = {}
    if lot.points != _points(posting):
        told["points"] = lot.points
    if lot.kind != posted.kind:
        told["kind"] = lot.kind
    if lot.source != posted.cause.source:
        told["source"] = lot.source
    if lot.earned_at != posted.cause.occurred_at:
        told["earned_at"] = lot.earned_at
    if lot.reference is not None:
        told["reference"] = lot.reference
    if lot.slides:
        told["slides"] = True
    if lot.origin_id is not None:
        told["origin_id"] = lot.origin_id
    told.update(_standing(lot))
    return told


def _changed(lot: Lot) -> LedgerLot:
    told = _standing(lot)
    if lot.active_at is not None:
        told["active_at"] = lot.active_at
    if lot.expires_at is not None:
        told["expires_at"] = lot.expires_at
    return told


def _standing(lot: Lot) -> LedgerLot:
    told: LedgerLot = {"id": lot.id}
    if not lot.is_active:
        told["is_active"] = False
    if lot.expires_on is not None and lot.zone is not None:
        told["expires_on"] = lot.expires_on
        told["zone"] = lot.zone
    return told


def _draw(draw: Draw) -> tuple[UUID, int] | tuple[UUID, int, UUID]:
    return (draw.lot.id, draw.points) if draw.of_id is None else (draw.lot.id, draw.points, draw.of_id)
