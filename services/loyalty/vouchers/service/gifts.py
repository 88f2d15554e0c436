"""A voucher for something that may turn out not to have been: a referral, an achievement."""

from services.loyalty.vouchers.repository import assignments as rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.service.assignments import Assign, Assignments
from services.loyalty.vouchers.service.telling import tell_changed
from shared.db.engine import WriteTx


async def settle_gift(tx: WriteTx, assignments: Assignments, gift: Assign, *, is_due: bool) -> bool:
    """Assign a voucher, once for its key; one that is not due any more is frozen, and thawed if it is due again.

    Whether it has been used by now: what was given for it cannot be taken back.

    Raises:
        what `Assignments.assign` raises.
    """
    old = await rows.by_key(tx, gift.campaign_id, gift.key)
    if old is None:
        if is_due:
            await assignments.assign(tx, gift)
        return False
    code = await code_rows.lock(tx, old.code_id)
    if code is None:
        return False
    if code.state not in ("voided", state := "active" if is_due else "frozen"):
        await code_rows.set_state(tx, old.code_id, state)
        if (now_is := await code_rows.lock(tx, old.code_id)) is not None:
            tell_changed(tx, now_is, assignments.clock.now())
    return bool(code.redeemed)
