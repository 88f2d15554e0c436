"""Counters worked out anew from the reservations and redemptions there are."""

from services.loyalty.checkout.repository.checks import BUDGET_ROWS, CAMPAIGN_ROWS, USE_ROWS, VOUCHER_ROWS
from shared.db.engine import WriteTx

_SUMS = "CAST(r.redeemed AS bigint), CAST(r.reserved AS bigint), CAST(r.spent AS bigint), CAST(r.held AS bigint)"
# Of a campaign the terms are configuration: where it is told only by its uses, its id stands for all the rest.
_CAMPAIGNS = f"""
    INSERT INTO campaigns AS c (id, name, codes, state, version, currency, created_at,
                                redeemed, reserved, spent_minor, reserved_minor)
    SELECT r.campaign_id, CAST(r.campaign_id AS text), 'unique', 'draft', 1, '', to_timestamp(0), {_SUMS}
    FROM ({CAMPAIGN_ROWS}) AS r
    ON CONFLICT (id) DO UPDATE SET redeemed = EXCLUDED.redeemed, reserved = EXCLUDED.reserved,
        spent_minor = EXCLUDED.spent_minor, reserved_minor = EXCLUDED.reserved_minor
"""
# More than a code allows is said as all that it allows: the comparison shows it, and nothing is stopped by it.
_CODES = f"""
    UPDATE codes AS c SET redeemed = least(r.redeemed, c.max_uses), spent_minor = 0, held_minor = 0,
        reserved = least(r.reserved, c.max_uses - least(r.redeemed, c.max_uses))
    FROM ({VOUCHER_ROWS}) AS r WHERE c.id = r.voucher_id
"""
_CARDS = f"""
    UPDATE codes AS c SET spent_minor = least(r.spent, c.value_minor),
        held_minor = least(r.held, c.value_minor - least(r.spent, c.value_minor))
    FROM ({VOUCHER_ROWS}) AS r WHERE c.id = r.voucher_id AND c.value_minor IS NOT NULL
"""
_USES = f"""
    INSERT INTO voucher_uses (campaign_id, person, redeemed, reserved, spent_minor, reserved_minor)
    SELECT r.campaign_id, r.person, {_SUMS} FROM ({USE_ROWS}) AS r
"""
_BUDGETS = f"""
    INSERT INTO budget_counters (campaign_id, budget, period, who, redeemed, reserved, spent_minor, reserved_minor)
    SELECT r.campaign_id, r.budget, r.period, r.who, {_SUMS} FROM ({BUDGET_ROWS}) AS r
"""


async def settle(tx: WriteTx) -> None:
    """Set all counters to what the rows come to; whatever they said before is forgotten."""
    for statement in (
        "DELETE FROM voucher_uses",
        "DELETE FROM budget_counters",
        _CAMPAIGNS,
        _CODES,
        _CARDS,
        _USES,
        _BUDGETS,
    ):
        await tx.execute(statement)
