"""The counters that all share. Each is changed by one statement that says the limit itself: the rows it changed are
the decision. Nothing is read first and written after.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.effects import Change, Effects
from services.loyalty.checkout.errors import LimitReached
from shared.db.engine import ReadTx, WriteTx

_CAMPAIGN = """
    UPDATE campaigns SET redeemed = redeemed + :redeemed, reserved = reserved + :reserved,
        spent_minor = spent_minor + :spent, reserved_minor = reserved_minor + :held
    WHERE id = :id
        AND (:uses <= 0 OR (state = 'active' AND (max_uses IS NULL OR redeemed + reserved + :uses <= max_uses)))
        AND (:minor <= 0 OR budget_minor IS NULL OR spent_minor + reserved_minor + :minor <= budget_minor)
"""
_VOUCHER = """
    UPDATE codes SET redeemed = redeemed + :redeemed, reserved = reserved + :reserved,
        spent_minor = spent_minor + CASE WHEN value_minor IS NULL THEN 0 ELSE :spent END,
        held_minor = held_minor + CASE WHEN value_minor IS NULL THEN 0 ELSE :held END
    WHERE id = :id
        AND (:uses <= 0 OR (state = 'active' AND (max_uses IS NULL OR redeemed + reserved + :uses <= max_uses)))
        AND (:minor <= 0 OR value_minor IS NULL OR spent_minor + held_minor + :minor <= value_minor)
"""
# The campaign first: only then is the voucher's row touched. One statement, so that the row all want is held briefly.
_BOTH = f"""
    WITH campaign AS ({_CAMPAIGN} RETURNING 1), voucher AS (
        {_VOUCHER.replace(":id", ":voucher")} AND EXISTS (SELECT FROM campaign) RETURNING 1
    )
    SELECT (SELECT count(*) FROM campaign) AS campaigns, (SELECT count(*) FROM voucher) AS vouchers
"""
_USES = """
    INSERT INTO voucher_uses (campaign_id, person, redeemed, reserved, spent_minor, reserved_minor)
    VALUES (:id, :person, :redeemed, :reserved, :spent, :held)
    ON CONFLICT (campaign_id, person) DO UPDATE SET redeemed = voucher_uses.redeemed + EXCLUDED.redeemed,
        reserved = voucher_uses.reserved + EXCLUDED.reserved,
        spent_minor = voucher_uses.spent_minor + EXCLUDED.spent_minor,
        reserved_minor = voucher_uses.reserved_minor + EXCLUDED.reserved_minor
"""


async def lock(tx: WriteTx, campaigns: Collection[UUID], vouchers: Collection[UUID]) -> None:
    """Take these counters for the rest of the transaction, for one that will change them in several steps."""
    await tx.execute("SELECT FROM campaigns WHERE id = ANY(:ids) ORDER BY id FOR UPDATE", {"ids": list(campaigns)})
    await tx.execute("SELECT FROM codes WHERE id = ANY(:ids) ORDER BY id FOR UPDATE", {"ids": list(vouchers)})


async def apply(tx: WriteTx, effects: Effects) -> None:
    """Write all changes, campaigns before vouchers, each in ascending order of id. The persons are locked.

    Raises:
        LimitReached: a campaign or a voucher has not that much left, or was stopped meanwhile; nothing may stand then.
    """
    # In front of what others wait for: these rows are our person's, and nobody else wants them.
    for (campaign_id, person), change in sorted(effects.uses.items()):
        await _add_uses(tx, campaign_id, person, change)
    if len(effects.campaigns) == len(effects.vouchers) == 1:
        (campaign_id, change), (voucher_id, same) = *effects.campaigns.items(), *effects.vouchers.items()
        if change == same:
            await _apply_both(tx, campaign_id, voucher_id, change)
            return
    for campaign_id, change in sorted(effects.campaigns.items()):
        done = await tx.execute(_CAMPAIGN, _values(campaign_id, change))
        if done.rowcount != 1:
            raise LimitReached("campaign", campaign_id)
    for voucher_id, change in sorted(effects.vouchers.items()):
        done = await tx.execute(_VOUCHER, _values(voucher_id, change))
        if done.rowcount != 1:
            raise LimitReached("voucher", voucher_id)


async def _apply_both(tx: WriteTx, campaign_id: UUID, voucher_id: UUID, change: Change) -> None:
    done = (await tx.execute(_BOTH, {**_values(campaign_id, change), "voucher": voucher_id})).one()
    if done.campaigns != 1:
        raise LimitReached("campaign", campaign_id)
    if done.vouchers != 1:
        raise LimitReached("voucher", voucher_id)


async def _add_uses(tx: WriteTx, campaign_id: UUID, person: UUID, change: Change) -> None:
    values = _values(campaign_id, change)
    if min(change) < 0:
        # ON CONFLICT checks the row it would insert: less than nothing is none.
        await tx.execute(
            "UPDATE voucher_uses SET redeemed = redeemed + :redeemed, reserved = reserved + :reserved, "
            "spent_minor = spent_minor + :spent, reserved_minor = reserved_minor + :held "
            "WHERE campaign_id = :id AND person = :person",
            {name: values[name] for name in ("id", "redeemed", "reserved", "spent", "held")} | {"person": person},
        )
        return
    await tx.execute(_USES, {**values, "person": person})


def _values(id_: UUID, change: Change) -> dict[str, Any]:
    return {
        "id": id_,
        "redeemed": change.redeemed,
        "reserved": change.reserved,
        "spent": change.spent_minor,
        "held": change.reserved_minor,
        "uses": change.uses,
        "minor": change.minor,
    }


class Used(NamedTuple):
    """What a person has of a campaign, redeemed or held: so many uses, that come to so much."""

    uses: int = 0
    minor: int = 0

    def without(self, minor: int) -> "Used":
        """The same without a use that came to `minor`."""
        return Used(self.uses - 1, self.minor - minor)


async def uses_of(tx: ReadTx, keys: Sequence[UUID], campaigns: Collection[UUID]) -> dict[UUID, Used]:
    """What all keys of a person together have of each campaign."""
    rows = await tx.execute(
        "SELECT campaign_id, CAST(sum(redeemed + reserved) AS bigint) AS uses, "
        "CAST(sum(spent_minor + reserved_minor) AS bigint) AS minor FROM voucher_uses "
        "WHERE campaign_id = ANY(:campaigns) AND person = ANY(:keys) GROUP BY campaign_id",
        {"campaigns": list(campaigns), "keys": list(keys)},
    )
    return {row.campaign_id: Used(row.uses, row.minor) for row in rows}


class Overdue(NamedTuple):
    """A hold that has run out and that nobody has ended yet."""

    campaign_id: UUID
    voucher_id: UUID
    person: UUID
    minor: int


async def overdue(tx: ReadTx, campaigns: Collection[UUID]) -> list[Overdue]:
    """Holds of these campaigns that have run out and that nobody has ended yet."""
    rows = await tx.execute(
        "SELECT v.campaign_id, v.voucher_id, r.person, v.discount_minor FROM reservations AS r "
        "JOIN reservation_vouchers AS v ON v.reservation_id = r.id "
        "WHERE r.state = 'held' AND r.expires_at <= clock_timestamp() AND v.campaign_id = ANY(:campaigns)",
        {"campaigns": list(campaigns)},
    )
    return [Overdue._make(row) for row in rows]
