"""The SQL of the scale of scores."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.profiles.people.repository import Beside
from services.profiles.rfm.domain import Basis, Breaks, Scale, ascending
from shared.db.engine import ReadTx, WriteTx

_ROW = "version, basis, recency_days, orders, currency, net_minor, people, since, set_by"


class Standing(NamedTuple):
    """The scale as it is stored; version 0: what holds by default. `people`: how many the quintiles are of."""

    version: int
    basis: Basis
    scale: Scale
    people: int | None = None
    since: datetime | None = None
    set_by: str | None = None


async def current(tx: ReadTx) -> Standing:
    """The scale that holds."""
    return holding(await CURRENT.read(tx, ()))


def holding(stored: Sequence[Standing]) -> Standing:
    """The scale that holds, of what `CURRENT` finds."""
    return stored[0] if stored else Standing(0, "fixed", Scale())


async def versions(tx: ReadTx, *, before: int | None, limit: int) -> list[Standing]:
    """The scales there were, the latest first."""
    rows = await tx.execute(
        f"SELECT {_ROW} FROM rfm_scales {'' if before is None else 'WHERE version < :before'} "
        "ORDER BY version DESC LIMIT :limit",
        {"limit": limit, **({} if before is None else {"before": before})},
    )
    return [_standing(row) for row in rows]


async def put(tx: WriteTx, standing: Standing) -> None:
    """Write the next version."""
    scale = standing.scale
    await tx.execute(
        f"""
        INSERT INTO rfm_scales ({_ROW}) VALUES (
            :version, :basis, CAST(:recency AS int[]), CAST(:orders AS int[]), :currency, CAST(:net AS bigint[]),
            :people, :since, :set_by
        )
        """,
        {
            "version": standing.version,
            "basis": standing.basis,
            "recency": list(scale.recency_days),
            "orders": list(scale.orders),
            "currency": scale.currency,
            "net": list(scale.net_minor),
            "people": standing.people,
            "since": standing.since,
            "set_by": standing.set_by,
        },
    )


async def quintiles(tx: ReadTx, currency: str | None, now: datetime) -> tuple[Scale, int]:
    """The quintiles of everybody who has orders that stand, and how many they are. It reads all orders.

    Of `orders` and `net_minor` a higher score begins just above the quintile: of equals nobody scores more.
    """
    rows = await tx.execute(
        """
        SELECT count(*) AS people,
               percentile_disc(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY days) AS recency,
               percentile_disc(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY orders) AS orders,
               percentile_disc(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY net) AS net
        FROM (
            SELECT CAST(count(*) AS int) AS orders,
                   CAST(greatest(0, ceil(extract(epoch FROM (CAST(:now AS timestamptz) - max(o.placed_at))) / 86400))
                        AS int) AS days,
                   CAST(coalesce(sum(o.total_minor - o.refunded_minor) FILTER (WHERE o.currency = :currency), 0)
                        AS bigint) AS net
            FROM orders AS o LEFT JOIN identity AS i ON i.raw_id = o.customer_id
            WHERE o.customer_id IS NOT NULL AND NOT o.is_cancelled
            GROUP BY coalesce(i.root_id, o.customer_id)
        ) AS people
        """,
        {"shares": [0.2, 0.4, 0.6, 0.8], "now": now, "currency": currency or ""},
    )
    row = rows.one()
    if not row.people:
        return Scale(currency=currency), 0
    above = ([each + 1 for each in found] for found in (row.orders, row.net))
    orders, net = map(ascending, above)
    return Scale(ascending(row.recency), orders, currency, net), row.people


def _standing(row: Sequence[Any]) -> Standing:
    """The scale in columns as in `_ROW`."""
    version, basis, recency_days, orders, currency, net_minor, people, since, set_by = row
    scale = Scale(_four(recency_days), _four(orders), currency, _four(net_minor))
    return Standing(version, basis, scale, people, since, set_by)


# The scale that was set last, if any was.
CURRENT = Beside(f"SELECT {_ROW} FROM rfm_scales ORDER BY version DESC LIMIT 1", _standing)


def _four(breaks: list[int]) -> Breaks:
    first, second, third, fourth = breaks
    return first, second, third, fourth
