"""What is told of each transaction: exactly one event, with the id of the transaction."""

from typing import Any

from services.loyalty.points.domain.ledger import Kind, Posting
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsMoved, PointsReversed, PointsSpent
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
