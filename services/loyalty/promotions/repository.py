"""SQL of promotions: what stands at a moment, the firm's rules, and the counters of budgets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.loyalty.promotions.domain import DEFAULT, Stacking
from services.loyalty.vouchers.domain.budgets import Charge
from services.loyalty.vouchers.domain.stack import MAX_PROMOTIONS
from shared.db.engine import ReadTx, WriteTx


class Standing(NamedTuple):
    """What every basket is held against besides its codes; `is_plain`: nothing."""

    promotions: tuple[UUID, ...] = ()
    stacking: Stacking = DEFAULT

    @property
    def is_plain(self) -> bool:
        """Whether there is no promotion, and no rule of the firm's own."""
        return not self.promotions and self.stacking == DEFAULT


async def standing(tx: ReadTx) -> Standing:
    """The promotions that are active, and the rules, in one statement."""
    row = (
        await tx.execute(
            "SELECT ARRAY(SELECT id FROM campaigns WHERE codes = 'automatic' AND state = 'active' ORDER BY id "
            "LIMIT :most) AS promotions, "
            "(SELECT jsonb_build_array(version, rules) FROM stacking_rules ORDER BY version DESC LIMIT 1) AS stacking",
            {"most": MAX_PROMOTIONS},
        )
    ).one()
    return Standing(tuple(row.promotions), DEFAULT if row.stacking is None else _stacking(*row.stacking))


def _stacking(version: int, rules: Mapping[str, Any]) -> Stacking:
    return Stacking(**rules, version=version)


async def put(tx: WriteTx, stacking: Stacking, now: datetime, by: str) -> bool:
    """Keep rules as the version they say; whether nobody else was quicker."""
    rules = {name: value for name, value in stacking._asdict().items() if name != "version"}
    done = await tx.execute(
        "INSERT INTO stacking_rules (version, rules, created_at, created_by) "
        "SELECT :version, CAST(:rules AS jsonb), :now, :by "
        "WHERE coalesce((SELECT max(version) FROM stacking_rules), 0) = :version - 1 ON CONFLICT DO NOTHING",
        {"version": stacking.version, "rules": orjson.dumps(rules).decode(), "now": now, "by": by},
    )
    return done.rowcount == 1


class Taken(NamedTuple):
    """What is redeemed or held of a budget where a use would count."""

    uses: int = 0
    minor: int = 0


Place = tuple[UUID, Charge]


async def taken(tx: ReadTx, places: Collection[Place]) -> dict[Place, Taken]:
    """What is taken under these counters."""
    rows = await tx.execute(
        "SELECT campaign_id, budget, period, who, redeemed + reserved AS uses, spent_minor + reserved_minor AS minor "
        "FROM budget_counters WHERE (campaign_id, budget, period, who) IN (SELECT * FROM unnest("
        "CAST(:campaigns AS uuid[]), CAST(:budgets AS text[]), CAST(:periods AS text[]), CAST(:whos AS text[])))",
        {
            "campaigns": [campaign for campaign, _ in places],
            "budgets": [charge.budget for _, charge in places],
            "periods": [charge.period for _, charge in places],
            "whos": [charge.who for _, charge in places],
        },
    )
    return {(row.campaign_id, Charge(row.budget, row.period, row.who)): Taken(row.uses, row.minor) for row in rows}


class Move(NamedTuple):
    """A counter changes by so much, and never beyond the limits of the charge."""

    campaign_id: UUID
    charge: Charge
    redeemed: int
    reserved: int
    spent_minor: int
    reserved_minor: int


_GROW = """
    INSERT INTO budget_counters AS b
        (campaign_id, budget, period, who, redeemed, reserved, spent_minor, reserved_minor)
    SELECT :campaign, :budget, :period, :who, :redeemed, :reserved, :spent, :held
    WHERE coalesce(CAST(:uses AS bigint) <= CAST(:max_uses AS bigint), true)
      AND coalesce(CAST(:minor AS bigint) <= CAST(:max_minor AS bigint), true)
    ON CONFLICT (campaign_id, budget, period, who) DO UPDATE SET
        redeemed = b.redeemed + EXCLUDED.redeemed, reserved = b.reserved + EXCLUDED.reserved,
        spent_minor = b.spent_minor + EXCLUDED.spent_minor,
        reserved_minor = b.reserved_minor + EXCLUDED.reserved_minor
    WHERE coalesce(b.redeemed + b.reserved + CAST(:uses AS bigint) <= CAST(:max_uses AS bigint), true)
      AND coalesce(b.spent_minor + b.reserved_minor + CAST(:minor AS bigint) <= CAST(:max_minor AS bigint), true)
"""
# ON CONFLICT checks the row it would insert, and less than nothing is none: what is given back is there.
_SHRINK = """
    UPDATE budget_counters SET redeemed = redeemed + :redeemed, reserved = reserved + :reserved,
        spent_minor = spent_minor + :spent, reserved_minor = reserved_minor + :held
    WHERE campaign_id = :campaign AND budget = :budget AND period = :period AND who = :who
"""


async def move(tx: WriteTx, moves: Iterable[Move]) -> UUID | None:
    """Change counters in one order that all keep; the campaign of the first that has not that much left.

    Each statement says the limit itself, and the row it changed is the decision. Nothing may stand after a refusal.
    """
    for each in sorted(moves, key=lambda move: (move.campaign_id, move.charge[:3])):
        if not any(each[2:]):
            continue
        values = {
            "campaign": each.campaign_id,
            "budget": each.charge.budget,
            "period": each.charge.period,
            "who": each.charge.who,
            "redeemed": each.redeemed,
            "reserved": each.reserved,
            "spent": each.spent_minor,
            "held": each.reserved_minor,
        }
        if min(each.redeemed, each.reserved, each.spent_minor, each.reserved_minor) < 0:
            await tx.execute(_SHRINK, values)
            continue
        limits = {
            "uses": each.redeemed + each.reserved,
            "minor": each.spent_minor + each.reserved_minor,
            "max_uses": each.charge.max_uses,
            "max_minor": each.charge.max_minor,
        }
        if (await tx.execute(_GROW, {**values, **limits})).rowcount != 1:
            return each.campaign_id
    return None


async def counters(tx: ReadTx, campaign: UUID, *, after: Sequence[str] | None, limit: int) -> Sequence[Row[Any]]:
    """The counters of a campaign's budgets, by budget, the latest period first."""
    rows = await tx.execute(
        f"""
        SELECT budget, period, who, redeemed, reserved, spent_minor, reserved_minor FROM budget_counters
        WHERE campaign_id = :campaign
          {"" if after is None else "AND (period < :p OR (period = :p AND (budget, who) > (:b, :w)))"}
        ORDER BY period DESC, budget, who LIMIT :limit
        """,
        {
            "campaign": campaign,
            "limit": limit,
            **({} if after is None else dict(zip(("p", "b", "w"), after, strict=True))),
        },
    )
    return rows.fetchall()
