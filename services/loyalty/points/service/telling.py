"""What is told beside the ledger: of holds, and of what people asked for."""

from services.loyalty.points.repository.holds import Hold
from services.loyalty.points.repository.requests import Adjustment, Transfer
from shared.events.catalogue.loyalty_rows import AdjustmentChanged, HoldChanged, PointsTransferred


def held(hold: Hold) -> HoldChanged:
    """The whole hold, as it is."""
    return HoldChanged.model_construct(
        hold_id=hold.id,
        wallet=hold.wallet,
        points=hold.points,
        captured=hold.captured,
        state=hold.state,
        created_at=hold.created_at,
        expires_at=hold.expires_at,
        ended_at=hold.ended_at,
        version=hold.version,
    )


def asked(adjustment: Adjustment) -> AdjustmentChanged:
    """The whole request, but what was written about it in words."""
    return AdjustmentChanged(
        adjustment_id=adjustment.id,
        wallet=adjustment.wallet,
        points=adjustment.points,
        reason=adjustment.reason,
        reference=adjustment.reference,
        expires_at=adjustment.expires_at,
        state=adjustment.state,
        asked_at=adjustment.asked_at,
        asked_by=adjustment.asked_by,
        decided_at=adjustment.decided_at,
        decided_by=adjustment.decided_by,
    )


def transferred(transfer: Transfer) -> PointsTransferred:
    """What was sent."""
    return PointsTransferred(
        transfer_id=transfer.id,
        recipient_id=transfer.recipient_id,
        wallet=transfer.wallet,
        points=transfer.points,
        fee=transfer.fee,
        day=transfer.day,
        by=transfer.recorded_by,
    )
