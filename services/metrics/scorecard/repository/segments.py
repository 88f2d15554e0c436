"""What those who are in each segment now have paid: orders are looked at one by one, so for the clock alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.metrics.satisfaction.repository.members import PERSONS
from shared.db.engine import ReadTx


class Span(NamedTuple):
    """A period by its name, from its first moment until before its end."""

    name: str
    start: datetime
    end: datetime


class Spent(NamedTuple):
    """Totals of the orders of a segment's members placed in a period, of one currency; and how many orders."""

    segment: str
    span: str
    minor: int
    orders: int


async def revenue(tx: ReadTx, currency: str, spans: Sequence[Span]) -> list[Spent]:
    """What members paid in each of these periods; of a segment that paid nothing, nothing. Persons, not keys."""
    await tx.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
    rows = await tx.execute(
        f"""
        WITH span AS (
            SELECT * FROM unnest(CAST(:names AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
                AS span(name, first, until)
        ), spent AS MATERIALIZED (
            SELECT coalesce(k.root_id, o.customer) AS person, span.name, sum(o.total_minor) AS minor, count(*) AS orders
            FROM orders o JOIN span ON o.placed_at >= span.first AND o.placed_at < span.until
            LEFT JOIN identity k ON k.raw_id = o.customer
            WHERE o.placed_at >= (SELECT min(first) FROM span) AND o.placed_at < (SELECT max(until) FROM span)
                AND NOT o.is_cancelled AND o.customer IS NOT NULL AND o.currency = :currency
            GROUP BY 1, 2
        )
        SELECT CAST(m.segment_id AS text) AS segment, s.name, sum(s.minor) AS minor,
               CAST(sum(s.orders) AS bigint) AS orders
        FROM spent s JOIN ({PERSONS}) AS m USING (person) GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {
            "names": [each.name for each in spans],
            "starts": [each.start for each in spans],
            "ends": [each.end for each in spans],
            "currency": currency,
            "segments": None,
        },
    )
    return [Spent(row.segment, row.name, int(row.minor), row.orders) for row in rows]
