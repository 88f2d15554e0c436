"""The counters that all share. Each is changed by one statement that says the limit itself: the rows it changed are
the decision. Nothing is read first and written after.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.effects import Change, Effects
from services.loyalty.checkout.errors import LimitReached
from services.loyalty.checkout.repository.reservations import load_charges
from services.loyalty.promotions import repository as budgets
from services.loyalty.promotions.repository import Move
from services.loyalty.vouchers.domain.budgets import Charge
from shared.db.engine import ReadTx, WriteTx

# All of it in one round trip: what it says is the first of those that had not that much left.
_MOVE = """
    SELECT what, id FROM move_counters(
        :use_campaigns, :use_persons, :u_redeemed, :u_reserved, :u_spent, :u_held,
        :campaigns, :c_redeemed, :c_reserved, :c_spent, :c_held,
        :vouchers, :v_redeemed, :v_reserved, :v_spent, :v_held
    )
"""


async def lock(tx: WriteTx, campaigns: Collection[UUID], vouchers: Collection[UUID]) -> None:
    """Take these counters for the rest of the transaction, for one that will change them in several steps."""
    await tx.execute("SELECT FROM campaigns WHERE id = ANY(:ids) ORDER BY id FOR UPDATE", {"ids": list(campaigns)})
    await tx.execute("SELECT FROM codes WHERE id = ANY(:ids) ORDER BY id FOR UPDATE", {"ids": list(vouchers)})


async def apply(tx: WriteTx, effects: Effects) -> None:
    """Write all changes: uses, then campaigns, then vouchers, each in ascending order of id. The persons are locked.

    Raises:
        LimitReached: a campaign or a voucher has not that much left, or was stopped meanwhile; nothing may stand then.
    """
    uses = sorted(effects.uses.items())
    if not uses:
        return
    short = await tx.execute(
        _MOVE,
        {
            "use_campaigns": [campaign for (campaign, _), _ in uses],
            "use_persons": [person for (_, person), _ in uses],
            **_columns("u", [change for _, change in uses]),
            "campaigns": sorted(effects.campaigns),
            **_columns("c", [effects.campaigns[each] for each in sorted(effects.campaigns)]),
            "vouchers": sorted(effects.vouchers),
            **_columns("v", [effects.vouchers[each] for each in sorted(effects.vouchers)]),
        },
    )
    if (row := short.one_or_none()) is not None:
        raise LimitReached(row.what, row.id)
    if effects.budgets:
        moves = [Move(campaign, charge, *change) for (campaign, charge), change in effects.budgets.items()]
        if (campaign := await budgets.move(tx, moves)) is not None:
            raise LimitReached("budget", campaign)


def _columns(prefix: str, changes: Sequence[Change]) -> dict[str, list[int]]:
    names = ("redeemed", "reserved", "spent", "held")
    return {f"{prefix}_{name}": [change[place] for change in changes] for place, name in enumerate(names)}


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
    charges: tuple[Charge, ...]


async def overdue(tx: ReadTx, campaigns: Collection[UUID]) -> list[Overdue]:
    """Holds of these campaigns that have run out and that nobody has ended yet."""
    rows = await tx.execute(
        "SELECT v.campaign_id, v.voucher_id, r.person, v.discount_minor, v.budgets FROM reservations AS r "
        "JOIN reservation_vouchers AS v ON v.reservation_id = r.id "
        "WHERE r.state = 'held' AND r.expires_at <= clock_timestamp() AND v.campaign_id = ANY(:campaigns)",
        {"campaigns": list(campaigns)},
    )
    return [
        Overdue(row.campaign_id, row.voucher_id, row.person, row.discount_minor, load_charges(row.budgets))
        for row in rows
    ]
