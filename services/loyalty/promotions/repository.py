"""SQL of promotions: what stands at a moment, the firm's rules, and the counters of budgets."""

from collections import Counter
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
    SELECT campaign, budget, period, who, redeemed, reserved, spent, held
    FROM unnest(CAST(:campaigns AS uuid[]), CAST(:budgets AS text[]), CAST(:periods AS text[]), CAST(:whos AS text[]),
                CAST(:redeemed AS bigint[]), CAST(:reserved AS bigint[]), CAST(:spent AS bigint[]),
                CAST(:held AS bigint[]), CAST(:max_uses AS bigint[]), CAST(:max_minor AS bigint[]))
         AS n (campaign, budget, period, who, redeemed, reserved, spent, held, max_uses, max_minor)
    WHERE coalesce(redeemed + reserved <= max_uses, true) AND coalesce(spent + held <= max_minor, true)
    ON CONFLICT (campaign_id, budget, period, who) DO UPDATE SET
        redeemed = b.redeemed + EXCLUDED.redeemed, reserved = b.reserved + EXCLUDED.reserved,
        spent_minor = b.spent_minor + EXCLUDED.spent_minor,
        reserved_minor = b.reserved_minor + EXCLUDED.reserved_minor
    WHERE NOT EXISTS (
        SELECT FROM unnest(CAST(:campaigns AS uuid[]), CAST(:budgets AS text[]), CAST(:periods AS text[]),
                           CAST(:whos AS text[]), CAST(:max_uses AS bigint[]), CAST(:max_minor AS bigint[]))
             AS n (campaign, budget, period, who, max_uses, max_minor)
        WHERE (n.campaign, n.budget, n.period, n.who) = (b.campaign_id, b.budget, b.period, b.who)
          AND (b.redeemed + b.reserved + EXCLUDED.redeemed + EXCLUDED.reserved > n.max_uses
            OR b.spent_minor + b.reserved_minor + EXCLUDED.spent_minor + EXCLUDED.reserved_minor > n.max_minor)
    )
    RETURNING campaign_id
"""
# ON CONFLICT checks the row it would insert, and less than nothing is none: what is given back is there.
_SHRINK = """
    UPDATE budget_counters SET redeemed = redeemed + :redeemed, reserved = reserved + :reserved,
        spent_minor = spent_minor + :spent, reserved_minor = reserved_minor + :held
    WHERE campaign_id = :campaign AND budget = :budget AND period = :period AND who = :who
"""


async def move(tx: WriteTx, moves: Iterable[Move]) -> UUID | None:
    """Change counters; a campaign that has not that much left. Their campaigns are locked: no counter is waited for.

    The statement says the limits itself, and the rows it changed are the decision. Nothing may stand after a refusal.
    """
    growing: dict[Place, Move] = {}
    for each in moves:
        if min(each[2:]) < 0:
            await _shrink(tx, each)
        elif any(each[2:]):
            place = each.campaign_id, each.charge.place
            growing[place] = each if place not in growing else _both(growing[place], each)
    if not growing:
        return None
    left = Counter(campaign for campaign, _ in growing)
    left.subtract(
        row.campaign_id for row in await tx.execute(_GROW, _columns([growing[key] for key in sorted(growing)]))
    )
    return min(+left, default=None)


def _both(one: Move, other: Move) -> Move:
    """Two that count in the same counter, under the stricter of their limits."""
    charge = one.charge._replace(
        max_uses=_least(one.charge.max_uses, other.charge.max_uses),
        max_minor=_least(one.charge.max_minor, other.charge.max_minor),
    )
    return Move(
        one.campaign_id, charge, *(of_one + of_other for of_one, of_other in zip(one[2:], other[2:], strict=True))
    )


def _least(*limits: int | None) -> int | None:
    return min((each for each in limits if each is not None), default=None)


def _columns(moves: Sequence[Move]) -> dict[str, list[Any]]:
    return {
        "campaigns": [each.campaign_id for each in moves],
        "budgets": [each.charge.budget for each in moves],
        "periods": [each.charge.period for each in moves],
        "whos": [each.charge.who for each in moves],
        "redeemed": [each.redeemed for each in moves],
        "reserved": [each.reserved for each in moves],
        "spent": [each.spent_minor for each in moves],
        "held": [each.reserved_minor for each in moves],
        "max_uses": [each.charge.max_uses for each in moves],
        "max_minor": [each.charge.max_minor for each in moves],
    }


async def _shrink(tx: WriteTx, move: Move) -> None:
    await tx.execute(
        _SHRINK,
        {
            "campaign": move.campaign_id,
            "budget": move.charge.budget,
            "period": move.charge.period,
            "who": move.charge.who,
            "redeemed": move.redeemed,
            "reserved": move.reserved,
            "spent": move.spent_minor,
            "held": move.reserved_minor,
        },
    )


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
