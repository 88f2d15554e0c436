"""A voucher for something that may turn out not to have been: a referral, an achievement."""

from services.loyalty.vouchers.repository import assignments as rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.service.assignments import Assign, Assignments
from shared.db.engine import WriteTx


async def settle_gift(tx: WriteTx, assignments: Assignments, gift: Assign, *, is_due: bool) -> None:
    """Assign a voucher, once for its key; one that is not due any more is frozen, and thawed if it is due again.

    Raises:
        what `Assignments.assign` raises.
    """
    old = await rows.by_key(tx, gift.campaign_id, gift.key)
    if old is not None:
        row = await code_rows.lock(tx, old.code_id)
        if row is not None and row.state != "voided":
            await code_rows.set_state(tx, old.code_id, "active" if is_due else "frozen")
    elif is_due:
        await assignments.assign(tx, gift)
